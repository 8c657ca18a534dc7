"""Class scores that do not fit the word in which they leave: whose fraction bits make them so wide, and what helps."""

from __future__ import annotations

from spikewright.compiler.front.limits import SCORE_BITS
from spikewright.compiler.front.neuron import SpikingOp
from spikewright.compiler.front.ops import Head
from spikewright.compiler.lower.lowered import Lowered, LoweringError
from spikewright.compiler.target.structure import WORD_BITS


def check_scores(lowered: Lowered, bits: int) -> None:
    """LoweringError, which names the head and the layer with the finest grid, where scores need more than a word.

    bits: of a score on the engine's grid.
    """
    head = lowered.graph.ops[-1]
    assert isinstance(head, Head)
    most = lowered.fraction_bits - (bits - WORD_BITS)  # that every layer may have
    if most >= lowered.fraction_bits:
        return
    if most >= head.fraction_bits:
        remedy = f"{_finest(lowered)} has the finest membrane grid, give no layer more than {most} fraction bits"
    elif most >= 0:
        remedy = f"give no layer, the head included, more than {most} fraction bits, or make the head's weights smaller"
    else:
        remedy = "make the head's weights and biases smaller, or let it sum over fewer tokens or steps"
    raise LoweringError(f"{head.name}: {SCORE_BITS.text(bits=bits, most=WORD_BITS, remedy=remedy)}")


def _finest(lowered: Lowered) -> str:
    """What has as many fraction bits as the engine: a layer, or the structure that was given."""
    for op in lowered.graph.ops:
        grids = {weighted.name: weighted.fraction_bits for weighted in op.weighted_sums(lowered.graph)}
        if isinstance(op, SpikingOp):
            grids[op.name] = op.neuron.fraction_bits
        for name, bits in grids.items():
            if bits == lowered.fraction_bits:
                return f"{name}, of {bits} fraction bits,"
    return f"the structure, of {lowered.fraction_bits} fraction bits,"
