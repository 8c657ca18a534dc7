"""The reference model on all 360 test images: accuracy, cycles, skipping, speed."""

from __future__ import annotations

import resource

from bare import bare_speed
from common import command, reference_build
from results import Row

from spikewright.models import data
from spikewright.sim.build_folder import BuildFolder
from spikewright.sim.compare import Comparison, compare
from spikewright.sim.report import build_report
from spikewright.sim.run import Target, run_pieces, simulator_of

COMMAND = command("reference")


def compared(build: BuildFolder) -> tuple[Comparison, dict]:
    """All test images through RTL and golden model."""
    test = data.load(build.package.network.data).test
    found = compare(Target.of_build(build), simulator_of(build), test.images)
    return found, build_report(build, found, test.labels)


def rows() -> list[Row]:
    build, still = reference_build(), reference_build("reference-without-skipping", skip=False)
    found, report = compared(build)
    accuracy, cycles, weights = report["accuracy"], report["cycles"], report["weights"]
    same = report["bit_exact"] and accuracy["rtl"] == accuracy["golden"]
    made = [
        Row("2.bit-exact", COMMAND, report["mismatches"], f"mismatches in {report['values_compared']} values",
            "0, every layer, step, token, channel of 360 images", same and report["images"] == 360),
    ]  # fmt: skip
    for rung, answer in accuracy.items():
        right = f"{answer['correct']}/{answer['count']}"
        made.append(Row(f"2.accuracy-{rung}", COMMAND, right, "right", *_bar(rung, accuracy)))
    made += [
        Row("2.weights", COMMAND, {"total": weights["total"], "kept": weights["kept"]}, "", "at least 90 % pruned",
            weights["sparsity"] >= 0.9, note=f"sparsity {weights['sparsity']}"),
        Row("2.average-bits", COMMAND, weights["average_bits"], "bits", "at most 3.7, both schemes in use",
            weights["average_bits"] <= 3.7 and len(weights["schemes"]) == 2),
        Row("2.compression", COMMAND, weights["compression"], "", note="32/average bits, total/kept, 32*total/stored"),
        Row("2.cycles-skipping", COMMAND, cycles["per_image"], "cycles an image, skipping on, mean of 360"),
        Row("2.utilisation", COMMAND, report["utilisation"], ""),
        Row("2.cycles-breakdown", COMMAND, cycles["breakdown"], "cycles"),
    ]  # fmt: skip
    made += exact_rows(still, report)
    made += speed_rows(build, found)
    return made


def _bar(rung: str, accuracy: dict) -> tuple[str, bool | None]:
    share = {name: answer["correct"] / answer["count"] for name, answer in accuracy.items()}
    if rung == "float":
        return "at least 96 %", share["float"] >= 0.96
    if rung == "golden":
        return "within 1.5 points of float", share["float"] - share["golden"] <= 0.015
    if rung == "rtl":
        return "golden, exactly", accuracy["rtl"] == accuracy["golden"]
    return "golden, exactly", accuracy["quantised"] == accuracy["golden"]


def exact_rows(still: BuildFolder, report: dict) -> list[Row]:
    """Predicted and measured with skipping off; the gain of skipping by layer."""
    found, plain = compared(still)
    predicted = [step.cycles * found.images for step in still.layout.descriptors]
    equal = found.counters[:, 0].tolist() == predicted
    off, on = plain["cycles"]["per_image"], report["cycles"]["per_image"]
    layers = {
        name: round(row["cycles"] / report["cycles"]["layers"][name]["cycles"], 3)
        for name, row in plain["cycles"]["layers"].items()
        if row["pairs"]
    }
    return [
        Row("2.cycles-reference", COMMAND, off, "cycles an image measured, skipping off", "at most 35 000",
            off <= 35_000, note="64 lanes, 4 banks, 1 stream"),
        Row("2.cycles-predicted", COMMAND, plain["cycles"]["predicted"], "cycles predicted",
            "measured, exactly, every descriptor, skipping off", equal and plain["bit_exact"], note=f"{off} measured"),
        Row("2.skip-gain", COMMAND, round(off / on, 3), "x", "aim 1.3", off / on >= 1.3,
            note=f"{off} cycles without, {on} with; two builds, 360 images"),
        Row("2.skip-gain-layers", COMMAND, layers, "x"),
    ]  # fmt: skip


def speed_rows(build: BuildFolder, found: Comparison) -> list[Row]:
    """Cycles a second of the simulator with its traces, and of the same RTL under a C++ main.

    In processor time of the simulator, which has one thread: what an idle machine shows by the clock.
    """
    by_clock = round(int(found.counters[:, 0].sum()) / found.seconds)
    images = data.load(build.package.network.data).test.images[:120]
    speeds = []
    for tracing in (True, False):
        before = processor_seconds()
        pieces = list(run_pieces(Target.of_build(build), simulator_of(build), images, tracing=tracing, piece=60))
        speeds.append(sum(piece.answers.cycles for piece in pieces) / (processor_seconds() - before))
    bare = bare_speed(build, images[:48])
    return [
        Row("2.simulation-speed", COMMAND, round(speeds[0]), "cycles/s as in the comparison", "at least 300 000",
            speeds[0] >= 300_000, note=f"processor time; {round(speeds[1])} without traces; {by_clock} by the clock, "
            "golden model and other work on the same two cores"),
        Row("2.simulation-bare", COMMAND, round(speeds[0] / bare, 3), "of a bare Verilator run's speed",
            note=f"bare C++ main: {round(bare)} cycles/s"),
    ]  # fmt: skip


def processor_seconds() -> float:
    """Processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
