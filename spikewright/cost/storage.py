"""Bits that a network's weights take, as stored by the accelerator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spikewright.cost.work import Layer


@dataclass(frozen=True)
class Compression:
    """The three numbers that are always given together.

    bits: 32 / average bits of a weight, all weights counted; weights: total / kept; stored: 32 · total / all stored
    bits (values, index, counts, padding, scales, thresholds, biases).
    """

    bits: float
    weights: float
    stored: float


def average_bits(layers: Iterable[Layer]) -> float:
    """Mean width of a weight code over all weights of layers that have some, pruned ones included (paper 2)."""
    weighted = [(layer.weights, layer.bits) for layer in layers if layer.weights]
    return sum(n * bits for n, bits in weighted) / sum(n for n, _ in weighted)


def entry_bits(layer: Layer, banks: int) -> int:
    """Bits of a stored weight: its code and the address of its input word in the bank."""
    words = -(-layer.inputs // banks) * layer.taps * layer.planes
    return layer.bits + max(1, (words - 1).bit_length())


def stored_bits(layer: Layer, *, banks: int, parameter_bits: int = 16) -> int:
    """Bits of a layer alone: entries, a count for each output and bank, threshold and bias of each output.

    The engine's ROMs have one width for all layers, so a program needs more (the padding in its report).
    """
    longest = -(-layer.inputs // banks) * layer.taps
    counts = layer.outputs * banks * longest.bit_length()
    return layer.kept * entry_bits(layer, banks) + counts + 2 * layer.outputs * parameter_bits


def compression(layers: list[Layer], *, banks: int) -> Compression:
    """The three numbers of a network."""
    total, kept = sum(layer.weights for layer in layers), sum(layer.kept for layer in layers)
    stored = sum(stored_bits(layer, banks=banks) for layer in layers if layer.weights)
    return Compression(32 / average_bits(layers), total / kept, 32 * total / stored)
