"""Runs a network on Verilator, in pieces: while one piece is simulated, the caller works on the one before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikewright.compiler.program import Program
from spikewright.compiler.trace_map import TraceMap
from spikewright.models.package import Package
from spikewright.sim.accelerator.simulator import Answers, RunOptions, simulate, write_roms
from spikewright.sim.verilator.run import Built

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SimulatedNetwork:
    """A network as ROM files, ready for a simulator of its structure.

    work: where a run keeps its files.
    """

    package: Package
    trace_map: TraceMap
    roms: tuple[Path, ...]
    work: Path

    @staticmethod
    def of_program(program: Program, package: Package, folder: Path) -> SimulatedNetwork:
        """Of a program alone: its ROM files are written to ``folder``/roms."""
        write_roms(program, folder / "roms")
        return SimulatedNetwork(
            package, program.trace_map, tuple(sorted((folder / "roms").glob("*.hex"))), folder / "sim"
        )


@dataclass(frozen=True, eq=False)
class Piece:
    """Some images of a run: the first one's number, the images, and the accelerator's answers."""

    first: int
    images: Array
    answers: Answers


def run_pieces(
    network: SimulatedNetwork, built: Built, images: Array, options: RunOptions | None = None
) -> Iterator[Piece]:
    """Answers to uint8 images [B, H, W, C], piece by piece. Raises ``BenchError`` where the accelerator hangs."""
    options = options or RunOptions()

    def simulate_piece(number: int, first: int) -> Piece:
        folder = network.work / f"run{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        for rom in network.roms:
            shutil.copyfile(rom, folder / rom.name)
        part = images[first : first + options.piece]
        answers = simulate(built, part, network.trace_map, folder, replace(options, seed=options.seed + number))
        (folder / "trace.bin").unlink(missing_ok=True)
        return Piece(first, part, answers)

    starts = list(enumerate(range(0, len(images), options.piece)))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(simulate_piece, *starts[0])
        for following in [*starts[1:], None]:
            piece = running.result()
            if following is not None:
                running = pool.submit(simulate_piece, *following)
            yield piece


def classes_of(scores: Array) -> Array:
    """Class of each image: the first of the greatest scores."""
    return np.asarray(scores.argmax(axis=1))


def waves_of(network: SimulatedNetwork, built: Built, image: Array, file: Path) -> Piece:
    """Simulate one image [H, W, C] and leave its FST at ``file``."""
    (piece,) = run_pieces(network, built, image[None], RunOptions(tracing=False, waves=True))
    file.parent.mkdir(parents=True, exist_ok=True)
    (network.work / "run0" / "dump.fst").replace(file)
    return piece
