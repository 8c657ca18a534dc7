"""Runs a BUILD on Verilator, in pieces: while one piece is simulated, the caller works on the one before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.sim.build_folder import BuildFolder
from spikewright.sim.simulator import Answers, build_simulator, simulate, simulator_cache
from spikewright.sim.verilator import Built

#: Images of one run of the simulator: its trace stays small.
PIECE = 40

Array = np.ndarray


@dataclass(frozen=True)
class Piece:
    """Some images of a run: the first one's number, the images, and the accelerator's answers."""

    first: int
    images: Array
    answers: Answers


def simulator_of(build: BuildFolder, *, waves: bool = False) -> Built:
    """The simulator of a BUILD's own Verilog, built once for all BUILDs of one structure."""
    return build_simulator(
        build.structure, build.accelerator, memories=build.memories, folder=simulator_cache(), waves=waves
    )


def run_pieces(
    build: BuildFolder,
    built: Built,
    images: Array,
    *,
    piece: int = PIECE,
    tracing: bool = True,
    stall: int = 0,
    seed: int = 1,
    waves: bool = False,
    timeout: float = 600.0,
) -> Iterator[Piece]:
    """Answers to uint8 images [B, H, W, C], piece by piece. Raises ``BenchError`` where the accelerator hangs."""
    layout = build.layout

    def one(number: int, first: int) -> Piece:
        folder = build.work / f"run{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        for rom in build.roms:
            shutil.copyfile(rom, folder / rom.name)
        part = images[first : first + piece]
        answers = simulate(
            built,
            part,
            folder=folder,
            classes=layout.classes,
            descriptors=len(layout.descriptors),
            lanes=layout.lanes,
            predicted=layout.predicted,
            tracing=tracing,
            stall=stall,
            seed=seed + number,
            waves=waves,
            timeout=timeout,
        )
        (folder / "trace.bin").unlink(missing_ok=True)
        return Piece(first, part, answers)

    starts = list(enumerate(range(0, len(images), piece)))
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(one, *starts[0])
        for following in [*starts[1:], None]:
            done = coming.result()
            if following is not None:
                coming = pool.submit(one, *following)
            yield done


def classes_of(scores: Array) -> Array:
    """Class of each image: the first of the greatest scores."""
    return np.asarray(scores.argmax(axis=1))


def waves_of(build: BuildFolder, built: Built, image: Array, target: Path) -> Piece:
    """Simulate one image [H, W, C] and leave its FST at ``target``."""
    (piece,) = run_pieces(build, built, image[None], tracing=False, waves=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    (build.work / "run0" / "dump.fst").replace(target)
    return piece
