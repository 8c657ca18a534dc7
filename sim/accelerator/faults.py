"""Planted faults: single-bit flips in ROM files, behind the hash check, and what a comparison makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikewright.sim.accelerator.compare import Comparison, add_piece
from spikewright.sim.accelerator.run import SimulatedNetwork, run_pieces
from spikewright.sim.accelerator.simulator import RunOptions
from spikewright.sim.accelerator.trace import TraceError
from spikewright.sim.golden import Trace, run
from spikewright.sim.verilator.run import BenchError, Built

Array = np.ndarray

#: ROM files by what they hold (name without the suffix, or its beginning).
CLASSES: Mapping[str, tuple[str, ...]] = {
    "weight": ("weights_",),
    "threshold": ("neurons",),
    "configuration": ("program", "taps", "masks", "counts", "pixels"),
}


@dataclass(frozen=True)
class Flip:
    """One bit of one word of a ROM file."""

    kind: str
    file: str
    word: int
    bit: int


@dataclass(frozen=True)
class Outcome:
    """What became of a flip.

    verdict: "caught" (a value differs, or the answer has another form), "hang" (no answer in time), "masked" (every
    value of every layer of every image is as it should be), "timing" (masked, but the cycles differ).
    """

    flip: Flip
    verdict: str
    detail: str


def draw_flips(network: SimulatedNetwork, used: Mapping[str, int], count: int, seed: int) -> list[Flip]:
    """``count`` flips, the classes in turn, each uniform over the bits in use.

    used: words in use of each file.
    """
    rng = np.random.default_rng(seed)
    sites: dict[str, list[tuple[str, int, int]]] = {kind: [] for kind in CLASSES}
    for rom in network.roms:
        digits = len(rom.read_text().partition("\n")[0])
        for kind, names in CLASSES.items():
            if rom.name.startswith(names) and used.get(rom.name, 0):
                sites[kind].append((rom.name, used[rom.name], _width(rom, digits)))
    flips = []
    for i in range(count):
        kind = list(CLASSES)[i % len(CLASSES)]
        sizes = np.array([words * width for _, words, width in sites[kind]])
        # files by the root of their size: the program is small and everything hangs on it
        name, words, width = sites[kind][int(rng.choice(len(sizes), p=np.sqrt(sizes) / np.sqrt(sizes).sum()))]
        flips.append(Flip(kind, name, int(rng.integers(words)), int(rng.integers(width))))
    return flips


def _width(rom: Path, digits: int) -> int:
    """Bits of a word, as far as the contents show: the highest bit that is set anywhere."""
    return max(1, max(int(line, 16) for line in rom.read_text().split()).bit_length()) if digits else 1


def plant(network: SimulatedNetwork, flip: Flip, folder: Path) -> SimulatedNetwork:
    """The network with that bit flipped, its ROM files in ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    roms = []
    for rom in network.roms:
        copy = folder / rom.name
        shutil.copyfile(rom, copy)
        if rom.name == flip.file:
            lines = rom.read_text().splitlines()
            lines[flip.word] = f"{int(lines[flip.word], 16) ^ 1 << flip.bit:0{len(lines[flip.word])}x}"
            copy.write_text("\n".join(lines) + "\n")
        roms.append(copy)
    return replace(network, roms=tuple(roms), work=folder / "sim")


def clean_cycles(network: SimulatedNetwork, built: Built, images: Array) -> Array:
    """Counters of the images without a fault."""
    return np.concatenate(
        [piece.answers.counters for piece in run_pieces(network, built, images, RunOptions(tracing=False))]
    )


def judge(
    network: SimulatedNetwork, built: Built, images: Array, flip: Flip, folder: Path, golden: Trace, counters: Array
) -> Outcome:
    """Run the images with one flip.

    golden, counters: of the same images without it.
    """
    faulty = plant(network, flip, folder)
    comparison = Comparison()
    try:
        for piece in run_pieces(faulty, built, images, RunOptions(piece=len(images), timeout=120.0)):
            add_piece(comparison, piece, network.package, network.trace_map, golden)
            counted = piece.answers.counters
    except TraceError as error:
        return Outcome(flip, "caught", str(error))
    except BenchError as error:
        first_line = str(error).partition("\n")[0]
        hangs = "no answer within" in first_line or "no end within" in first_line
        return Outcome(flip, "hang" if hangs else "caught", first_line)
    if not comparison.bit_exact:
        return Outcome(flip, "caught", str(comparison.first))
    if not np.array_equal(counted, counters):
        return Outcome(flip, "timing", "all values equal, other cycles")
    return Outcome(flip, "masked", f"all {comparison.values} values of {comparison.images} images equal")


def judge_all(
    network: SimulatedNetwork, built: Built, images: Array, flips: Sequence[Flip], folder: Path, *, first: int = 2
) -> list[Outcome]:
    """Judge every flip: on ``first`` images, and where they show nothing on all of them."""
    few = images[:first]
    golden = {len(part): run(network.package, part) for part in (few, images)}
    counters = clean_cycles(network, built, images)
    outcomes = []
    for flip in flips:
        outcome = judge(network, built, few, flip, folder, golden[len(few)], counters[: len(few)])
        if outcome.verdict in ("masked", "timing") and len(images) > len(few):
            outcome = judge(network, built, images, flip, folder, golden[len(images)], counters)
        outcomes.append(outcome)
    return outcomes


def count_verdicts(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Class of ROM → verdict → number."""
    table: dict[str, dict[str, int]] = {
        kind: dict.fromkeys(("caught", "hang", "masked", "timing"), 0) for kind in CLASSES
    }
    for outcome in outcomes:
        table[outcome.flip.kind][outcome.verdict] += 1
    return table
