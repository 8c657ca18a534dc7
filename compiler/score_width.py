"""Class scores that do not fit the word in which they leave: what helps."""

from __future__ import annotations

from spikewright.compiler.front.limits import SCORE_BITS
from spikewright.compiler.front.ops import Head
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.target.structure import WORD_BITS
from spikewright.cost.shape import signed_bits


def check_scores(head: Head) -> None:
    """LoweringError where the class scores of a head, on its own grid, need more than a word."""
    assert head.score is not None
    bits = signed_bits(head.score.low, head.score.high)
    if bits <= WORD_BITS:
        return
    most = head.fraction_bits - (bits - WORD_BITS)
    if most >= 0:
        remedy = f"give the head at most {most} fraction bits, or make its weights smaller"
    else:
        remedy = "make the head's weights and biases smaller, or let it sum over fewer tokens or steps"
    raise LoweringError(f"{head.name}: {SCORE_BITS.text(bits=bits, most=WORD_BITS, remedy=remedy)}")
