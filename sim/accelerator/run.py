"""Runs a network on Verilator, in pieces: while one piece is simulated, the caller works on the one before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from spikewright.children import programs
from spikewright.compiler.program import Program
from spikewright.compiler.trace_map import TraceMap
from spikewright.files import write_whole
from spikewright.models.package import Package
from spikewright.scratch import scratch
from spikewright.sim.accelerator.simulator import Answers, RunOptions, image_memory, simulate, simulated, write_roms
from spikewright.sim.accelerator.sizes import images_of_a_piece
from spikewright.sim.verilator.run import BenchError, Built

Array = np.ndarray
#: Beside the files of a BUILD: what the simulator said in the last run that failed.
FAILED = "failed.log"
#: Seconds between two looks at how far the simulator is.
LOOK = 0.5


@dataclass(frozen=True, eq=False)
class SimulatedNetwork:
    """A network as ROM files, ready for a simulator of its structure.

    work: where each run has a folder for its files while it lasts, and leaves ``FAILED``.
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
    network: SimulatedNetwork,
    built: Built,
    images: Array,
    options: RunOptions | None = None,
    *,
    progress: Callable[[int], None] = lambda cycles: None,
) -> Iterator[Piece]:
    """Answers to uint8 images [B, H, W, C], frames [B, T, H, W, C], piece by piece.

    progress: is told how many cycles are simulated, of ``trace_map.predicted`` for each image. Raises ``BenchError``
    where the accelerator hangs.
    """
    options = options or RunOptions()
    size = options.piece or min(
        images_of_a_piece(network.trace_map), image_memory(prod(images.shape[1:])) // prod(images.shape[1:])
    )
    starts = list(enumerate(range(0, len(images), size)))
    with scratch(network.work) as folder, ThreadPoolExecutor(1) as pool, programs() as own:

        def simulate_piece(number: int, first: int) -> Piece:
            seeded = replace(options, seed=options.seed + number)
            return own.call(_simulate, network, built, images, first, size, folder, seeded)

        running = pool.submit(simulate_piece, *starts[0])
        for (_, first), following in zip(starts, [*starts[1:], None], strict=True):
            predicted = network.trace_map.predicted
            while wait([running], LOOK).not_done:
                progress(first * predicted + min(simulated(folder), size * predicted))
            piece = running.result()
            progress((first + len(piece.images)) * predicted)
            if following is not None:
                running = pool.submit(simulate_piece, *following)
            yield piece


def _simulate(
    network: SimulatedNetwork, built: Built, images: Array, first: int, size: int, folder: Path, options: RunOptions
) -> Piece:
    """The ``size`` images from ``first`` on, simulated in a folder that the next piece takes over."""
    for rom in network.roms:
        shutil.copyfile(rom, folder / rom.name)
    part = images[first : first + size]
    try:
        answers = simulate(built, part, network.trace_map, folder, options)
    except BenchError as error:
        raise _with_log(error, network.work / FAILED) from None
    (folder / "trace.bin").unlink(missing_ok=True)
    return Piece(first, part, answers)


def _with_log(error: BenchError, kept: Path) -> BenchError:
    """The error, whose log would go with the run's folder, with a copy that stays."""
    if error.log is None or not error.log.is_file():
        return error
    write_whole(kept, error.log.read_bytes())
    return BenchError(str(error).replace(str(error.log), str(kept)), kept)


def classes_of(scores: Array) -> Array:
    """Class of each image: the first of the greatest scores."""
    return np.asarray(scores.argmax(axis=1))


def waves_of(network: SimulatedNetwork, built: Built, image: Array, file: Path) -> Piece:
    """Simulate one image [H, W, C] and leave its FST at ``file``."""
    with scratch(network.work) as folder:
        piece = _simulate(network, built, image[None], 0, 1, folder, RunOptions(tracing=False, waves=True))
        with scratch(file.parent) as beside:  # which may be on another disk
            shutil.copyfile(folder / "dump.fst", beside / file.name)
            os.replace(beside / file.name, file)
    return piece
