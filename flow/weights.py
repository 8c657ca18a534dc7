"""How many weights a package has, how many of them are kept, and how wide their codes are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spikewright.cost.storage import mean_bits
from spikewright.models.package import Package, weight_formats


@dataclass(frozen=True)
class WeightCount:
    """Weights of some tensors.

    kept: those whose code is not zero; average_bits: of a code over all weights, pruned ones included;
    average_bits_kept: over the weights kept.
    """

    total: int
    kept: int
    average_bits: float
    average_bits_kept: float


def count_weights(package: Package, names: Iterable[str] | None = None) -> WeightCount:
    """The weights of a package's own, or of the tensors ``names`` among them."""
    formats = weight_formats(package.network)
    every: list[tuple[int, int]] = []  # how many, bits of each
    kept: list[tuple[int, int]] = []
    for name in formats if names is None else names:
        codes, bits = package.tensors[name], formats[name].bits
        every.append((codes.size, bits))
        kept.append((int(np.count_nonzero(codes)), bits))
    total_every, total_kept = (sum(count for count, _ in weights) for weights in (every, kept))
    return WeightCount(total_every, total_kept, mean_bits(every), mean_bits(kept))
