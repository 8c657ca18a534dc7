"""Compression: how much smaller a network's weights are, counted in three ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spikewright.cost.estimate import estimate_rom_bits
from spikewright.cost.shape import Shape
from spikewright.cost.work import Layer


@dataclass(frozen=True)
class Compression:
    """The three numbers that are always given together.

    bits: 32 / average bits of a weight, all weights counted; weights: total / kept; stored: 32 · total / all stored
    bits (values, index, counts, padding, thresholds, biases, leaks); scales are none, thresholds hold them.
    """

    bits: float
    weights: float
    stored: float


def mean_bits(weights: Iterable[tuple[int, int]]) -> float:
    """Mean width of weights that are given as (how many, bits of each); 0 where there are none."""
    counted = list(weights)
    return sum(count * bits for count, bits in counted) / max(1, sum(count for count, _ in counted))


def average_bits(layers: Iterable[Layer]) -> float:
    """Mean width of a weight code over all weights of layers that have some, pruned ones included (paper 2)."""
    return mean_bits((layer.weights, layer.bits) for layer in layers)


def compression(layers: Sequence[Layer], *, total: int | None = None) -> Compression:
    """The three numbers of a network; stored bits by estimate, for an engine of the usual shape.

    total: weights of the dense network, where the compressed one has other shapes.
    """
    total = total or sum(layer.weights for layer in layers)
    kept = sum(layer.kept for layer in layers)
    stored = estimate_rom_bits(layers, Shape()).total
    return Compression(32 / average_bits(layers), total / kept, 32 * total / stored)
