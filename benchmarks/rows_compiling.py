"""Time of the compiler: the reference model to a BUILD, and a package of the size of Spikformer-4-384."""

from __future__ import annotations

import time

from common import PACKAGE, WORK, command, reference_build
from results import Row

from spikewright.compiler.importer import import_package
from spikewright.compiler.lowering import lower
from spikewright.compiler.passes import run_passes
from spikewright.compiler.program import assemble
from spikewright.compiler.structure import Shape
from spikewright.models.package import read_package, write_package
from spikewright.sim.build_folder import generate
from spikewright.sim.random_networks import spikformer_384

COMMAND = command("compiling")


def rows() -> list[Row]:
    start = time.monotonic()
    reference_build("timed")
    fixed = time.monotonic() - start
    start = time.monotonic()
    generate(PACKAGE, "ulx3s-85f", WORK / "timed-choice")
    chosen = time.monotonic() - start
    path = WORK / "spikformer-4-384.safetensors"
    write_package(spikformer_384(), path)
    start = time.monotonic()
    package = read_package(path)
    program = assemble(lower(run_passes(import_package(package)), Shape(tokens=32, steps=4, banks=8, streams=2)))
    bits = sum(image.bits for image in program.roms.values())
    large = time.monotonic() - start
    cycles = sum(program.predicted_cycles)
    return [
        Row("2.generate-time", COMMAND, round(fixed, 1), "s", "at most 20 s", fixed <= 20, note="shape given"),
        Row("2.generate-time-choice", COMMAND, round(chosen, 1), "s", "at most 20 s", chosen <= 20,
            note="shape chosen for ulx3s-85f"),
        Row("2.compile-4-384", COMMAND, round(large, 1), "s", "at most 120 s", large <= 120, "0",
            f"94 % pruned, 128 lanes, 8 banks, 2 streams: {bits} ROM bits, {cycles} cycles predicted"),
    ]  # fmt: skip
