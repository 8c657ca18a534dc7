"""The reference model on the board: yosys, nextpnr."""

from __future__ import annotations

from common import BOARD, PACKAGE, WORK, command, reference_build
from page import words
from results import Row

from spikewright.models import data
from spikewright.sim.build_folder import BuildFolder, generate
from spikewright.sim.compare import compare
from spikewright.sim.report import build_report
from spikewright.sim.run import Target, simulator_of
from spikewright.sim.synthesis import synthesize_build

COMMAND = command("synthesis")


def rows() -> list[Row]:
    wide = generate(PACKAGE, BOARD, WORK / "synthesis-two-streams", streams=2)
    return [*rows_of("synthesis", reference_build("synthesis")), *rows_of("synthesis-two-streams", wide, bar=False)]


def rows_of(stem: str, build: BuildFolder, *, bar: bool = True) -> list[Row]:
    """The rows of one shape; their ids begin with ``2.`` and ``stem``.

    The reference shape is what ``generate`` chooses for the board; a wider one, which it gives only to who asks, has no
    bar for its clock.
    """
    result = synthesize_build(build, log=lambda line: print(f"  {line}", flush=True))
    test = data.load(build.package.network.data).test
    found = compare(Target.of_build(build), simulator_of(build), test.images)
    rates = build_report(build, found, test.labels)["synthesis"]
    fits = all(result[name]["used"] <= result[name]["available"] for name in ("lut", "ff", "block_ram", "dsp"))
    path = result["critical_path"] or {}
    aim, fast = ("at least 80, aim 110", result["fmax_mhz"] >= 80) if bar else ("", None)
    seed, shape = str(result["seed"]), build.structure.shape
    name = f"{shape.lanes} lanes, {shape.banks} banks, {shape.streams} stream{'s' if shape.streams > 1 else ''}"
    return [
        Row(f"2.{stem}-lut", COMMAND, result["lut"]["used"], "LUT", f"fits {BOARD}", fits, seed, name),
        Row(f"2.{stem}-block-ram", COMMAND, result["block_ram"]["used"], "block RAMs", f"fits {BOARD}", fits, seed,
            f"{words(build.program['needs'])} estimated"),
        Row(f"2.{stem}-dsp", COMMAND, result["dsp"]["used"], "DSP", "0", result["dsp"]["used"] == 0, seed),
        Row(f"2.{stem}-fmax", COMMAND, result["fmax_mhz"], "MHz", aim, fast,
            seed, f"critical path {path.get('start')} to {path.get('end')}"),
        Row(f"2.{stem}-images-per-second", COMMAND, rates["images_per_second"], "images/s at Fmax", note=name),
        Row(f"2.{stem}-images-per-second-per-klut", COMMAND, rates["images_per_second_per_klut"],
            "images/s per kLUT", note=name),
    ]  # fmt: skip
