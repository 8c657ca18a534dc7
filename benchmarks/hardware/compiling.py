"""Time of the compiler: the reference model to a BUILD, and a package of the size of Spikformer-4-384."""

from __future__ import annotations

import time

from benchmarks.common import command
from benchmarks.hardware.reference_build import BOARD, PACKAGE, WORK, reference_build
from benchmarks.results import Row
from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import Shape
from spikewright.flow.generate import generate
from spikewright.models.package import read_package, write_package
from spikewright.sim.stimulus.random_networks import spikformer_384

COMMAND = command("compiling")


def rows() -> list[Row]:
    """Seconds of a wall clock on an idle machine."""
    start = time.monotonic()
    reference_build("timed")
    fixed = time.monotonic() - start
    start = time.monotonic()
    generate(PACKAGE, BOARD, WORK / "timed-choice")
    chosen = time.monotonic() - start
    path = WORK / "spikformer-4-384.safetensors"
    write_package(spikformer_384(), path)
    start = time.monotonic()
    program = compile_package(read_package(path), Shape(tokens=32, steps=4, banks=8, streams=2))
    bits = sum(image.bits for image in program.roms.values())
    large = time.monotonic() - start
    cycles = sum(program.predicted_cycles)
    return [
        Row("hw.generate-time", COMMAND, round(fixed, 1), "s", "at most 20 s", fixed <= 20, note="shape given"),
        Row("hw.generate-time-choice", COMMAND, round(chosen, 1), "s", "at most 20 s", chosen <= 20,
            note=f"shape chosen for {BOARD}"),
        Row("hw.compile-4-384", COMMAND, round(large, 1), "s", "at most 120 s", large <= 120, "0",
            f"94 % pruned, 128 lanes, 8 banks, 2 streams: {bits} ROM bits, {cycles} cycles predicted"),
    ]  # fmt: skip
