"""What a network computes and stores, as counts: the shapes that every figure of cost is made of.

A :class:`Layer` is one op with weights (or attention) as training, compiler and reports all know it. Figures: dense
multiply-accumulates (the papers' GFLOPs), compression, energy (:mod:`spikewright.cost.energy`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["conv", "linear", "attention", "select", "head"]


@dataclass(frozen=True)
class Layer:
    """One op.

    inputs, outputs: channels; taps: weights between an input and an output channel (9 for a 3×3 convolution);
    places: output positions or tokens; steps: how often it is computed for an image, T, or 1 where the steps are summed
    first; planes: bits of its input; spikes: the input is 0 or 1; weights: of the dense matrix; kept: not zero;
    bits: of a weight code. heads: of attention, whose ``inputs`` are q's channels, ``outputs`` v's.
    """

    name: str
    kind: Kind
    inputs: int
    outputs: int
    places: int
    steps: int
    taps: int = 1
    planes: int = 1
    spikes: bool = True
    weights: int = 0
    kept: int = 0
    bits: int = 32
    heads: int = 1

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of an image: weight sparsity excluded, attention included."""
        if self.kind == "attention":
            # the papers' order, (q·kᵀ)·v, whatever the hardware does
            return self.steps * self.places * self.places * (self.inputs + self.outputs)
        return self.steps * self.places * self.inputs * self.outputs * self.taps


def dense_macs(layers: Iterable[Layer]) -> int:
    """Dense multiply-accumulates of an image, all layers."""
    return sum(layer.macs for layer in layers)
