"""The reference model on all 360 test images: accuracy, cycles, skipping, speed."""

from __future__ import annotations

import resource
from collections.abc import Mapping

import numpy as np

from benchmarks.common import command
from benchmarks.hardware.bare_simulation import bare_speed
from benchmarks.hardware.reference_build import BANKS, LANES, STREAMS, reference_build
from benchmarks.results import Row
from spikewright.flow.build_folder import BuildFolder
from spikewright.flow.figures import AnswerFigures
from spikewright.flow.report import Report
from spikewright.flow.reporting import build_report
from spikewright.models import data
from spikewright.sim.accelerator.compare import Comparison, compare
from spikewright.sim.accelerator.run import run_pieces
from spikewright.sim.accelerator.simulator import RunOptions

COMMAND = command("reference")


def compared(build: BuildFolder) -> tuple[Comparison, Report]:
    """All test images through RTL and golden model, and what the report says of them."""
    test = data.load(build.package.network.data).test
    comparison = compare(build.network, build.simulator(), test.images)
    return comparison, build_report(build, comparison, test.labels)


def rows() -> list[Row]:
    """The reference model with skipping, and what it gains over the same without."""
    skipping, always = reference_build(), reference_build("reference-without-skipping", skip=False)
    comparison, report = compared(skipping)
    return [*exact_rows(report), *cycle_rows(report), *skip_rows(always, report), *speed_rows(skipping, comparison)]


def exact_rows(report: Report) -> list[Row]:
    """Whether RTL and golden model are equal, and how many images each rung answers right."""
    rungs = {rung: answers for rung, answers in report.accuracy if answers is not None}
    equal = report.bit_exact and rungs["rtl"] == rungs["golden"]
    return [
        Row("hw.bit-exact", COMMAND, report.mismatches, f"mismatches in {report.values_compared} values",
            "0, every layer, step, token, channel of 360 images", equal and report.images == 360),
        *(Row(f"hw.accuracy-{rung}", COMMAND, f"{answers.correct}/{answers.count}", "right",
              *_accuracy_bar(rung, rungs)) for rung, answers in rungs.items()),
    ]  # fmt: skip


def _accuracy_bar(rung: str, rungs: Mapping[str, AnswerFigures]) -> tuple[str, bool]:
    """What a rung is to reach, and whether it does."""
    share = {name: answers.correct / answers.count for name, answers in rungs.items()}
    if rung == "float":
        return "at least 96 %", share["float"] >= 0.96
    if rung == "golden":
        return "within 1.5 points of float", share["float"] - share["golden"] <= 0.015
    return "golden, exactly", rungs[rung] == rungs["golden"]


def cycle_rows(report: Report) -> list[Row]:
    """The weights, and the cycles that they cost."""
    cycles, weights, utilisation = report.cycles, report.weights, report.utilisation
    assert utilisation is not None
    return [
        Row("hw.weights", COMMAND, {"total": weights.total, "kept": weights.kept}, "", "at least 90 % pruned",
            weights.sparsity >= 0.9, note=f"sparsity {weights.sparsity}"),
        Row("hw.average-bits", COMMAND, weights.average_bits, "bits", "at most 3.7, both schemes in use",
            weights.average_bits <= 3.7 and len(weights.schemes) == 2),
        Row("hw.compression", COMMAND, weights.compression.model_dump(), "",
            note="32/average bits, total/kept, 32*total/stored"),
        Row("hw.cycles-skipping", COMMAND, cycles.per_image, "cycles an image, skipping on, mean of 360"),
        Row("hw.utilisation", COMMAND, utilisation.model_dump(), ""),
        Row("hw.cycles-breakdown", COMMAND, cycles.breakdown.model_dump(), "cycles"),
    ]  # fmt: skip


def skip_rows(always: BuildFolder, report: Report) -> list[Row]:
    """Cycles predicted and measured with skipping off, and the gain of skipping by layer.

    always: the BUILD without skipping
    report: of the BUILD with it
    """
    comparison, plain = compared(always)
    predicted = [descriptor.cycles * comparison.images for descriptor in always.trace_map.descriptors]
    equal = comparison.counters[:, 0].tolist() == predicted
    off, on = plain.cycles.per_image, report.cycles.per_image
    layers = {
        name: round(layer.cycles / report.cycles.layers[name].cycles, 3)
        for name, layer in plain.cycles.layers.items()
        if layer.pairs
    }
    return [
        Row("hw.cycles-reference", COMMAND, off, "cycles an image measured, skipping off", "at most 35 000",
            off <= 35_000, note=f"{LANES} lanes, {BANKS} banks, {STREAMS} stream"),
        Row("hw.cycles-predicted", COMMAND, plain.cycles.predicted, "cycles predicted",
            "measured, exactly, every descriptor, skipping off", equal and plain.bit_exact, note=f"{off} measured"),
        Row("hw.skip-gain", COMMAND, round(off / on, 3), "x", "aim 1.3", off / on >= 1.3,
            note=f"{off} cycles without, {on} with; two builds, 360 images"),
        Row("hw.skip-gain-layers", COMMAND, layers, "x"),
    ]  # fmt: skip


def speed_rows(build: BuildFolder, comparison: Comparison) -> list[Row]:
    """Cycles a second of the simulator with its traces, and of the same RTL under a C++ main.

    In processor time of the simulator, which has one thread: what an idle machine shows by the clock.
    """
    by_clock = round(int(comparison.counters[:, 0].sum()) / comparison.seconds)
    images = data.load(build.package.network.data).test.images[:120]
    traced, untraced = (_cycles_a_second(build, images, tracing=tracing) for tracing in (True, False))
    bare = bare_speed(build, images[:48])
    return [
        Row("hw.simulation-speed", COMMAND, round(traced), "cycles/s as in the comparison", "at least 300 000",
            traced >= 300_000, note=f"processor time; {round(untraced)} without traces; {by_clock} by the clock, "
            "golden model and other work on the same two cores"),
        Row("hw.simulation-bare", COMMAND, round(traced / bare, 3), "of a bare Verilator run's speed",
            note=f"bare C++ main: {round(bare)} cycles/s"),
    ]  # fmt: skip


def _cycles_a_second(build: BuildFolder, images: np.ndarray, *, tracing: bool) -> float:
    """Cycles of the images over the simulator's processor time."""
    before = processor_seconds()
    pieces = list(run_pieces(build.network, build.simulator(), images, RunOptions(piece=60, tracing=tracing)))
    return sum(piece.answers.cycles for piece in pieces) / (processor_seconds() - before)


def processor_seconds() -> float:
    """Processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
