"""Where the cycles of a descriptor go, as predicted with skipping off.

- useful: the (entry, plane) pairs, spread evenly over all banks and streams
- imbalance: what the busiest bank (or stream) needs beyond that
- lif_minimum: waiting for the LIF array, the least distance between two sums
- overhead: filling and draining the pipeline
The other categories are whole descriptors: selector, products (K^T V), copies (halo, pool), load.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spikewright.compiler.lower.lists import lengths
from spikewright.compiler.lower.lowered import DescriptorDraft
from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.compiler.target.structure import Shape
from spikewright.cost.cycles import mac_walk

_WHOLE = {Kind.LOAD: "load", Kind.MOVE: "copies", Kind.PRODUCT: "products", Kind.SELECT: "selector"}


def breakdown(draft: DescriptorDraft, shape: Shape) -> dict[str, float]:
    """Cycles by category; they add up to ``draft.cycles``."""
    if draft.kind is Kind.END:
        return {}
    # a token selector's: its MLP, or a MOVE that follows its plan
    if draft.fields.get("mode") in (Mode.HIDDEN, Mode.SCORE) or "table" in draft.addresses:
        return {"selector": draft.cycles}
    if draft.kind is not Kind.MAC:
        return {_WHOLE[draft.kind]: draft.cycles}
    fields = draft.fields
    repeats = fields["columns"] * fields["rows"] * fields["tiles"] * fields["groups"]
    busiest = _busiest(draft)
    useful = Fraction(draft.pairs, shape.walkers)
    longest = sum(busiest) * repeats
    walk = mac_walk(busiest, repeats, fields["gap"])
    return {
        "useful": round(float(useful), 3),
        "imbalance": round(float(longest - useful), 3),
        "lif_minimum": walk - longest,
        "overhead": draft.cycles - walk,
    }


def _busiest(draft: DescriptorDraft) -> list[int]:
    """(entry, plane) pairs of the busiest walker, for each output."""
    if draft.fields["gate"]:
        return [draft.fields["head_rows"]] * len(draft.outputs)
    return lengths(draft.outputs).busiest(draft.fields["in_planes"], draft.fields["capture_planes"])


def measured(
    predicted: Mapping[str, float], cycles: float, issued: float, pairs: int, walkers: int
) -> dict[str, float]:
    """The same for a run: mean cycles and issued pairs of a descriptor; they add up to ``cycles``.

    The imbalance is taken in proportion to the pairs that were issued; ``skipped`` is the rest: slots of skipped words
    that saved no time, because the LIF array or another bank was still at work.
    """
    if "useful" not in predicted:
        return dict.fromkeys(predicted, cycles)
    shares = {
        "useful": issued / walkers,
        "imbalance": predicted["imbalance"] * issued / max(1, pairs),
        "lif_minimum": predicted["lif_minimum"],
        "overhead": predicted["overhead"],
    }
    return shares | {"skipped": cycles - sum(shares.values())}
