"""The reference model on the board: yosys, nextpnr."""

from __future__ import annotations

from benchmarks.common import command
from benchmarks.hardware.reference_build import BOARD, PACKAGE, WORK, reference_build
from benchmarks.page import words
from benchmarks.results import Row
from spikewright.compiler.fit import ShapeRequest
from spikewright.flow.build_folder import BuildFolder
from spikewright.flow.generate import generate
from spikewright.flow.reporting import build_report
from spikewright.flow.synthesis import synthesize_build
from spikewright.models import data
from spikewright.sim.accelerator.compare import compare

COMMAND = command("synthesis")


def rows() -> list[Row]:
    """The reference shape, and twice its adders."""
    two_streams = generate(PACKAGE, BOARD, WORK / "synthesis-two-streams", ShapeRequest(streams=2))
    return [
        *rows_of("synthesis", reference_build("synthesis")),
        *rows_of("synthesis-two-streams", two_streams, bar=False),
    ]


def rows_of(stem: str, build: BuildFolder, *, again: str = COMMAND, bar: bool = True) -> list[Row]:
    """The rows of one shape.

    stem: how their ids begin, behind ``hw.``
    again: the command that measures them
    bar: whether its clock has one: the reference shape is what ``generate`` chooses for the board, a wider one it
    gives only to who asks
    """
    placed = synthesize_build(build, tell=lambda phase, detail="": print(f"  {phase}", flush=True))
    test = data.load(build.package.network.data).test
    comparison = compare(build.network, build.simulator(), test.images)
    rates = build_report(build, comparison, test.labels).synthesis
    assert rates is not None
    fits = all(placed[name]["used"] <= placed[name]["available"] for name in ("lut", "ff", "block_ram", "dsp"))
    path = placed["critical_path"] or {}
    clock_bar, clock_met = ("at least 80, aim 110", placed["fmax_mhz"] >= 80) if bar else ("", None)
    seed, shape = str(placed["seed"]), build.structure.shape
    name = f"{shape.lanes} lanes, {shape.banks} banks, {shape.streams} stream{'s' if shape.streams > 1 else ''}"
    return [
        Row(f"hw.{stem}-lut", again, placed["lut"]["used"], "LUT", f"fits {BOARD}", fits, seed, name),
        Row(f"hw.{stem}-block-ram", again, placed["block_ram"]["used"], "block RAMs", f"fits {BOARD}", fits, seed,
            f"{words(build.program['needs'])} estimated"),
        Row(f"hw.{stem}-dsp", again, placed["dsp"]["used"], "DSP", "0", placed["dsp"]["used"] == 0, seed),
        Row(f"hw.{stem}-fmax", again, placed["fmax_mhz"], "MHz", clock_bar, clock_met,
            seed, f"critical path {path.get('start')} to {path.get('end')}"),
        Row(f"hw.{stem}-images-per-second", again, rates.images_per_second, "images/s at Fmax", note=name),
        Row(f"hw.{stem}-images-per-second-per-klut", again, rates.images_per_second_per_klut,
            "images/s per kLUT", note=name),
    ]  # fmt: skip
