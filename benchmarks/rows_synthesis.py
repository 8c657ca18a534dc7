"""The reference model on the board: yosys, nextpnr."""

from __future__ import annotations

from common import BOARD, command, reference_build
from results import Row

from spikewright.models import data
from spikewright.sim.compare import compare
from spikewright.sim.report import build_report
from spikewright.sim.run import Target, simulator_of
from spikewright.sim.synthesis import synthesize_build

COMMAND = command("synthesis")


def rows() -> list[Row]:
    build = reference_build("synthesis")
    result = synthesize_build(build, log=lambda line: print(f"  {line}", flush=True))
    test = data.load(build.package.network.data).test
    found = compare(Target.of_build(build), simulator_of(build), test.images)
    rates = build_report(build, found, test.labels)["synthesis"]
    fits = all(result[name]["used"] <= result[name]["available"] for name in ("lut", "ff", "block_ram", "dsp"))
    path = result["critical_path"] or {}
    seed = str(result["seed"])
    return [
        Row("2.synthesis-lut", COMMAND, result["lut"]["used"], "LUT", f"fits {BOARD}", fits, seed),
        Row("2.synthesis-block-ram", COMMAND, result["block_ram"]["used"], "block RAMs", f"fits {BOARD}", fits, seed,
            f"{build.program['needs']} estimated"),
        Row("2.synthesis-dsp", COMMAND, result["dsp"]["used"], "DSP", "0", result["dsp"]["used"] == 0, seed),
        Row("2.synthesis-fmax", COMMAND, result["fmax_mhz"], "MHz", "at least 80, aim 110", result["fmax_mhz"] >= 80,
            seed, f"critical path {path.get('start')} to {path.get('end')}"),
        Row("2.images-per-second", COMMAND, rates["images_per_second"], "images/s at Fmax"),
        Row("2.images-per-second-per-klut", COMMAND, rates["images_per_second_per_klut"], "images/s per kLUT"),
    ]  # fmt: skip
