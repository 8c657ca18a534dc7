"""Widths of sums, by scheme and bits: what a weight can be worth, and what the adders must hold for it."""

from __future__ import annotations

from spikewright.cost.shape import signed_bits
from spikewright.cost.work import Layer, Scheme


def top_value(scheme: Scheme, bits: int) -> int:
    """Greatest |value| of a weight code, in LSBs: 2^(b−1) − 1, or 2^(2^(b−1)−2) of a power of two."""
    codes = (1 << bits - 1) - 1
    return codes if scheme == "uniform" else 1 << codes - 1


def adder_bits(layer: Layer) -> int:
    """Bits of a layer's signed sums: as many terms as an output keeps on average, every one at its limit.

    The compiler's interval analysis knows the actual weights of the widest output: on the committed packages it is at
    most 2 bits less, or 1 more. The engine builds all lanes as wide as the widest layer needs, so narrower layers save
    energy there, no gates.
    """
    if layer.kind == "attention":
        # K^T V counts tokens; a sum adds as many as a head has channels
        top, terms = layer.places, layer.inputs // layer.heads
    else:
        top = top_value(layer.scheme, layer.bits) * ((1 << layer.planes) - 1)
        terms = max(1, -(-layer.kept // layer.outputs))
    return signed_bits(-top * terms, top * terms)
