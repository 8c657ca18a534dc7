"""A report in a dozen lines that a stranger understands: what the demo prints, and what each line means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spikewright.flow.figures import AnswerFigures
from spikewright.flow.report import Report

#: Line → its meaning, for the page of the report.
MEANINGS = {
    "bit-exact": "Whether every spike of every layer, every kept token and every class score of the simulated Verilog "
    "equals the golden model, over all images. If not, the first mismatch is named (image, layer, step, token, "
    "channel, expected, got), and the command ends with an error. Membranes, a selector's hidden values and its scores "
    "are seen by what follows from them only; of a layer that fired on no image nothing is shown, and it is named.",
    "accuracy": "Right answers over the same images at every rung of the ladder. *float*: the dense network before "
    "compression. *quantised*: the compressed network as it was trained. *golden*: the integers of the package. "
    "*rtl*: the simulated hardware. The last two are equal if the line above says yes.",
    "weights kept": "The share that pruning left. A pruned weight costs neither ROM nor time.",
    "bits a weight": "Average over all weights of the bits of their code.",
    "compression": "How much smaller than float, counted in three ways: by bits (32 over the bits a weight), by "
    "weights (all over those kept), and by stored bits (32 for every weight over all that the ROMs hold: codes, index, "
    "counts, padding, thresholds).",
    "tokens": "Image patches that enter, and how many each token selector keeps.",
    "cycles an image": "Clock cycles as measured, with silent spike words skipped, beside the compiler's prediction "
    "without skipping. The second table has both for each layer, and the share of words that was skipped.",
    "utilisation": "How many of the adder inputs did useful work, by three notions of useful: additions for the "
    "weights that are left, for all weights of the dense network (above 100 % where pruning saved more than it cost), "
    "and for weights that meet a spike.",
    "images a second": "The board's clock over the cycles: what the accelerator computes, not what the serial link "
    "carries. `spikewright synthesize` tells the clock that the placed design really reaches.",
}

RUNGS = {
    "float": "the dense network before compression",
    "quantised": "the compressed network, as trained",
    "golden": "the integers of the package",
    "rtl": "the simulated hardware",
}


class Line(NamedTuple):
    """A line of the summary."""

    name: str
    value: str
    meaning: str


def summary(report: Report) -> Iterator[Line]:
    """The lines of a report."""
    verdict = "yes" if report.bit_exact else "NO"
    counts = f"{report.mismatches} of {report.values_compared} values"
    silent = f"; not shown, they fired on no image: {', '.join(report.silent_layers)}" if report.silent_layers else ""
    yield Line("bit-exact", verdict, f"{counts} differ between the Verilog and the golden model{silent}")
    for rung, meaning in RUNGS.items():
        answers: AnswerFigures | None = getattr(report.accuracy, rung)
        if answers is None:
            yield Line(f"accuracy, {rung}", "unknown", meaning)
        else:
            right = f"{meaning} ({answers.correct} of {answers.count} right)"
            yield Line(f"accuracy, {rung}", f"{answers.correct / answers.count:.1%}", right)
    weights = report.weights
    kept = f"{weights.kept} of {weights.total}; the others are not stored and cost no time"
    yield Line("weights kept", f"{1 - weights.sparsity:.1%}", kept)
    yield Line("bits a weight", f"{weights.average_bits:.2f}", "of their code, on average over all weights")
    smaller = weights.compression
    yield Line(
        "compression",
        f"{smaller.bits:.1f}x / {smaller.weights:.1f}x / {smaller.stored:.1f}x",
        "smaller than float: by bits of a code, by weights kept, by all bits that are stored",
    )
    tokens = [report.tokens.initial, *report.tokens.kept]
    if tokens != [1]:  # networks without attention end on a map of one place
        yield Line("tokens", " to ".join(map(str, tokens)), "image patches that enter, and that each selector keeps")
    cycles = report.cycles
    gain = f"{cycles.predicted} predicted without skipping of silent words: {cycles.gain or 0:.2f}x"
    yield Line("cycles an image", f"{cycles.per_image:.0f}", gain)
    if (used := report.utilisation) is not None:
        yield Line(
            "utilisation",
            f"{used.weight_sparse:.0%}",
            f"of the adder inputs, for weights that are left (all weights: {used.dense:.0%}, "
            f"those that meet a spike: {used.dual_sparse:.0%})",
        )
    rate, shape = report.rate, report.structure
    engine = f"{shape.lanes} lanes x {shape.banks} banks x {shape.streams} streams"
    if rate is None:
        yield Line("images a second", "-", f"no board, so no clock: {engine}")
        return
    yield Line(
        "images a second",
        f"{rate.images_per_second or 0:.0f}",
        f"if the placed design reaches the board's clock of {rate.clock_mhz:g} MHz (synthesize tells): {engine}",
    )
