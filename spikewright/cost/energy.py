"""Energy of an image by two models: the papers' constants, and one that sees bit widths.

(a) 45 nm, 32-bit float (Horowitz, ISSCC 2014): 4.6 pJ a multiply-accumulate, 0.9 pJ an addition. A layer counts as
additions only where its inputs are 0 or 1.
(b) By bits, from the same source: an integer addition costs 0.1 pJ at 32 bits and 0.03 pJ at 8, so 0.1/32 pJ a bit; a
read of an 8 KiB SRAM 10 pJ for 64 bits, so 10/64 pJ a bit (of a weight ROM or a spike memory).
Both count what is computed for the spikes there are: ``rate`` is the mean of a layer's input, plane by plane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikewright.cost.work import Layer

MAC_PJ, AC_PJ = 4.6, 0.9
ADD_PJ_A_BIT = 0.1 / 32
READ_PJ_A_BIT = 10 / 64


@dataclass(frozen=True)
class Energy:
    """Picojoules of an image."""

    float_pj: float
    bits_pj: float


def operations(layer: Layer, rate: float) -> float:
    """Synaptic operations of an image: kept weights × places × steps × share of active inputs (planes counted)."""
    if layer.kind == "attention":
        return layer.macs * rate
    share = layer.kept / max(1, layer.weights)
    return layer.macs * share * rate


def accumulator_bits(layer: Layer) -> int:
    """Width of a sum: weight code, input planes, and the growth of as many terms as an output keeps."""
    terms = max(1, -(-layer.kept // max(1, layer.outputs)))
    return layer.bits + layer.planes - 1 + (terms - 1).bit_length()


def layer_energy(layer: Layer, rate: float) -> Energy:
    """Energy of one layer; ``rate``: mean active planes of an input (the firing rate, where inputs are spikes)."""
    count = operations(layer, rate)
    unit = AC_PJ if layer.spikes else MAC_PJ
    # a weight is read once for all lanes of a step group; a spike word once for each weight that meets it
    weight_reads = 0.0 if layer.kind == "attention" else float(layer.kept * layer.bits)
    spike_reads = layer.macs * (layer.kept / max(1, layer.weights) if layer.weights else 1.0) * layer.planes
    adds = count * accumulator_bits(layer) * ADD_PJ_A_BIT
    return Energy(count * unit, adds + (weight_reads + spike_reads) * READ_PJ_A_BIT)


def total_energy(layers: Sequence[Layer], rates: Mapping[str, float]) -> Energy:
    """Energy of all layers; rates by layer name."""
    parts = [layer_energy(layer, rates[layer.name]) for layer in layers]
    return Energy(sum(p.float_pj for p in parts), sum(p.bits_pj for p in parts))
