"""Runs a network on Verilator, in pieces: while one piece is simulated, the caller works on the one before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.compiler.program import Program
from spikewright.models.package import Package
from spikewright.sim.build_folder import BuildFolder
from spikewright.sim.layout import Layout
from spikewright.sim.simulator import Answers, build_simulator, simulate, simulator_cache, write_roms
from spikewright.sim.verilator import Built

#: Images of one run of the simulator: its trace stays small.
PIECE = 40

Array = np.ndarray


@dataclass(frozen=True)
class Target:
    """A network as ROM files, ready for a simulator of its structure. work: where a run keeps its files."""

    package: Package
    layout: Layout
    roms: tuple[Path, ...]
    work: Path

    @staticmethod
    def of_build(build: BuildFolder) -> Target:
        return Target(build.package, build.layout, tuple(build.roms), build.work)

    @staticmethod
    def of_program(program: Program, package: Package, folder: Path) -> Target:
        """Of a program alone: its ROM files are written to ``folder``/roms."""
        write_roms(program, folder / "roms")
        return Target(package, Layout.of(program), tuple(sorted((folder / "roms").glob("*.hex"))), folder / "sim")


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
    target: Target,
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
    layout = target.layout

    def one(number: int, first: int) -> Piece:
        folder = target.work / f"run{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        for rom in target.roms:
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


def waves_of(target: Target, built: Built, image: Array, file: Path) -> Piece:
    """Simulate one image [H, W, C] and leave its FST at ``file``."""
    (piece,) = run_pieces(target, built, image[None], tracing=False, waves=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    (target.work / "run0" / "dump.fst").replace(file)
    return piece
