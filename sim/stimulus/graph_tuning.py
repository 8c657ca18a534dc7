"""Thresholds and biases of a layer, put by its own sums so that it fires as it was drawn to.

Everything is integers and comparisons, so that a graph is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikewright.models.package import NeuronFormat
from spikewright.sim.golden.exact import fire
from spikewright.sim.stimulus.graph_profile import State

Array = np.ndarray
Rng = np.random.Generator

#: Rates of a layer that is alive. What is drawn lies well inside, so that few sums decide little.
LEAST_RATE, MOST_RATE = 0.02, 0.6
_TARGET = (0.05, 0.45)
_TRIES = 14
_INT32 = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class Tuned:
    """Neurons of one layer and what they did: threshold, bias int32 [C]; leak int8 [C] or None; spikes int64."""

    threshold: Array
    bias: Array
    leak: Array | None
    spikes: Tensor

    @property
    def rate(self) -> float:
        return float(self.spikes.double().mean())


@dataclass(frozen=True, eq=False)
class _Levels:
    """int64 [C]: spread of the currents, and where a share of them lies above."""

    spread: Array
    level: Array


def tune(rng: Rng, sums: Tensor, neuron: NeuronFormat, steps: int, state: State, *, biased: bool) -> Tuned:
    """Neurons over the sums [B, T or 1, N, C] of a layer.

    biased: False where the format has no bias (attention).
    """
    channels = sums.shape[-1]
    leak = rng.integers(0, 17, size=channels).astype(np.int8) if neuron.leak is None else None
    levels = _levels(rng, sums, neuron.fraction_bits)
    bias = rng.integers(-(levels.spread // 2), levels.spread // 2 + 1) if biased else np.zeros(channels, np.int64)
    base = np.maximum(np.maximum(levels.level + bias, levels.spread // 3), 1)
    base = np.maximum(base * rng.integers(48, 81, size=channels) // 64, 1)  # channels apart, even on equal sums

    def tried(threshold: Array, shifted: Array) -> Tuned:
        return _fired(sums, neuron, steps, threshold, shifted, leak)

    if state is State.DEAD:
        return tried(np.full(channels, _INT32), bias - (base if biased else 0))
    if state is State.ALWAYS:
        lowest = _extreme(sums, neuron.fraction_bits)
        return tried(np.ones(channels, np.int64), lowest + 2 if biased else bias)
    constant = _constants(rng, channels, levels, _extreme(sums, neuron.fraction_bits)) if biased else None
    factor, lift, best = 64, 0, None
    for _ in range(_TRIES):
        shifted = bias + lift * np.maximum(levels.spread // 4, 1) if biased else bias
        if constant is not None:
            shifted = np.where(constant != 0, constant, shifted)
        tuned = tried(base * factor // 64, shifted)
        if best is None or _distance(tuned.rate) < _distance(best.rate):
            best = tuned
        if _distance(tuned.rate) == 0:
            break
        if tuned.rate > _TARGET[1]:
            factor = factor * 3 // 2 + 1
        elif factor > 8:
            factor = factor * 11 // 16
        else:
            lift += 1 + lift // 2
    assert best is not None
    return best


def extreme_values(rng: Rng, tuned: Tuned, sums: Tensor, neuron: NeuronFormat, steps: int, *, biased: bool) -> Tuned:
    """The same neurons with the extremes of int32 in a quarter of the channels, one at least."""
    channels = len(tuned.threshold)
    some = rng.random(channels) < 0.25
    some[int(rng.integers(channels))] = True
    ends = np.array([1, 2, _INT32 - 1, _INT32])[rng.integers(4, size=channels)]
    threshold = np.where(some, ends, tuned.threshold)
    bias = tuned.bias
    if biased:
        far = np.array([-_INT32 - 1, -_INT32, _INT32])[rng.integers(3, size=channels)]
        bias = np.where(some & (rng.random(channels) < 0.5), far, bias)
    return _fired(sums, neuron, steps, threshold, bias, tuned.leak)


def _fired(sums: Tensor, neuron: NeuronFormat, steps: int, threshold: Array, bias: Array, leak: Array | None) -> Tuned:
    threshold = np.clip(threshold, 1, _INT32).astype(np.int32)
    bias = np.clip(bias, -_INT32 - 1, _INT32).astype(np.int32)
    at, shifted = (torch.from_numpy(part.astype(np.int64)) for part in (threshold, bias))
    leaks = None if leak is None else torch.from_numpy(leak.astype(np.int64))
    return Tuned(threshold, bias, leak, fire(sums, neuron, at, shifted, steps, leaks))


def _distance(rate: float) -> float:
    return max(_TARGET[0] - rate, rate - _TARGET[1], 0.0)


def _levels(rng: Rng, sums: Tensor, fraction_bits: int) -> _Levels:
    flat = np.sort(sums.numpy().reshape(-1, sums.shape[-1]) << fraction_bits, axis=0)
    count = len(flat)
    low, high = flat[count // 10], flat[count - 1 - count // 10]
    spread = np.maximum(np.maximum(high - low, flat[-1] - flat[0] >> 1), 1 << fraction_bits)
    places = count - 1 - rng.integers(5, 40, size=flat.shape[1]) * count // 100
    return _Levels(spread, flat[np.maximum(places, 0), np.arange(flat.shape[1])])


def _extreme(sums: Tensor, fraction_bits: int) -> Array:
    """int64 [C]: the largest magnitude of a current."""
    return np.asarray(np.abs(sums.numpy()).reshape(-1, sums.shape[-1]).max(axis=0) << fraction_bits)


def _constants(rng: Rng, channels: int, levels: _Levels, extreme: Array) -> Array:
    """Biases of the few channels that are to be constant, 0 elsewhere."""
    few = (rng.random(channels) < 0.03) & (channels > 4)
    sign = np.where(rng.random(channels) < 0.5, -1, 1)
    return np.where(few, sign * (2 * extreme + np.abs(levels.level) + levels.spread), 0)
