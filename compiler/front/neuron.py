"""Neurons of an op: the rules of leak, compare and reset, checked, executed and bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from spikewright.compiler.front.ir import (
    Array,
    Bounds,
    Graph,
    Interval,
    Op,
    need,
    need_bias,
    need_inside,
    wide,
)
from spikewright.models.package import Package
from spikewright.models.package_schema import Compare, NeuronFormat, Reset


@dataclass(frozen=True, eq=False)
class Neuron:
    """Neuron semantics.

    leak: int64 [C], in sixteenths; threshold, bias: int64 [C], on the grid 2**-fraction_bits weight LSBs.
    """

    leak: Array
    reset: Reset
    compare: Compare
    fraction_bits: int
    threshold: Array
    bias: Array

    @classmethod
    def read(cls, package: Package, form: NeuronFormat, name: str) -> Self:
        """The neurons of op ``name`` of a package."""
        threshold, bias = wide(package, f"{name}.threshold"), wide(package, f"{name}.bias")
        leak = wide(package, f"{name}.leak") if form.leak is None else np.full_like(threshold, form.leak)
        return cls(leak, form.reset, form.compare, form.fraction_bits, threshold, bias)

    def check(self, where: str, channels: int) -> None:
        """IRError unless the fields fit each other and the channels."""
        for enum, choice in ((Reset, self.reset), (Compare, self.compare)):
            need(isinstance(choice, enum), where, f"{enum.__name__.lower()} {choice!r} is not a {enum.__name__}")
        need_bias(where, self.bias, channels, self.fraction_bits)
        threshold = self.threshold
        need(threshold.dtype == np.int64 and threshold.shape == (channels,), where, "threshold is not int64 [C]")
        need(threshold.min() >= 1, where, "a threshold is below 1")
        leak = self.leak
        need(leak.dtype == np.int64 and leak.shape == (channels,), where, "leak is not int64 [C]")
        strange = leak[(leak < 0) | (leak > 16)]
        need(not strange.size, where, f"leak {strange[:1].sum()}; allowed is 0 to 16")

    def leaked(self, u: Array) -> Array:
        """The membrane after the leak: floor, or ceiling where firing is strict."""
        product = self.leak * u
        return np.asarray(product >> 4 if self.compare is Compare.GE else -(-product >> 4))

    def fire(self, name: str, sums: Array, steps: int, membrane: Interval | None) -> Array:
        """Spikes int64 [B, steps, N, C] of the sums [B, T or 1, N, C]; IRError where u leaves ``membrane``."""
        currents = (sums << self.fraction_bits) + self.bias
        u = np.zeros_like(currents[:, 0])
        spikes = np.empty((len(sums), steps, *sums.shape[2:]), dtype=np.int64)
        for step in range(steps):
            u = self.leaked(u) + currents[:, min(step, currents.shape[1] - 1)]
            need_inside(name, "membrane", u, membrane)
            fired = u > self.threshold if self.compare is Compare.GT else u >= self.threshold
            u = np.where(fired, u - self.threshold if self.reset is Reset.SOFT else 0, u)
            need_inside(name, "membrane", u, membrane)
            spikes[:, step] = fired
        return spikes

    def bounds(self, sums: Bounds, steps: int) -> tuple[Bounds, Bounds]:
        """Bounds of the membrane (before and after the reset, over all steps) and of the spikes, per channel."""
        x_low = (sums.low << self.fraction_bits) + self.bias
        x_high = (sums.high << self.fraction_bits) + self.bias
        last_silent = self.threshold - (1 if self.compare is Compare.GE else 0)
        low = high = np.zeros_like(x_low)
        all_low, all_high = low, high
        ever, always = np.zeros(len(low), dtype=bool), np.ones(len(low), dtype=bool)
        for _ in range(steps):
            low, high = self.leaked(low) + x_low, self.leaked(high) + x_high
            all_low, all_high = np.minimum(all_low, low), np.maximum(all_high, high)
            fires, silent = high > last_silent, low <= last_silent
            ever, always = ever | fires, always & ~silent
            fired_low = np.maximum(low, last_silent + 1) - self.threshold  # soft reset
            fired_high = high - self.threshold
            if self.reset is Reset.HARD:
                fired_low = fired_high = np.zeros_like(low)
            silent_high = np.minimum(high, last_silent)
            low, high = (
                np.where(silent, np.where(fires, np.minimum(low, fired_low), low), fired_low),
                np.where(fires, np.where(silent, np.maximum(silent_high, fired_high), fired_high), silent_high),
            )
            all_low, all_high = np.minimum(all_low, low), np.maximum(all_high, high)
        return Bounds(all_low, all_high), Bounds(always.astype(np.int64), ever.astype(np.int64))


#: The leak of neurons that have none of their own, in sixteenths.
HALF = 8


def own_leaks(graph: Graph) -> bool:
    """Whether some neurons leak otherwise than by half."""
    return any(isinstance(op, SpikingOp) and bool((op.neuron.leak != HALF).any()) for op in graph.ops)


@dataclass(frozen=True, eq=False, kw_only=True)
class SpikingOp(Op):
    """An op that ends in neurons.

    accumulator: holds its sums; membrane: holds u before and after the reset.
    """

    neuron: Neuron
    accumulator: Interval | None = None
    membrane: Interval | None = None

    def spikes(self, sums: Array, graph: Graph) -> dict[str, Array]:
        """Its spikes, from its sums [B, T or 1, N, C]."""
        need_inside(self.name, "accumulator", sums, self.accumulator)
        return {self.name: self.neuron.fire(self.name, sums, graph.steps, self.membrane)}

    def bounded_by(self, sums: Bounds, graph: Graph) -> tuple[Op, Bounds]:
        """A copy with its intervals filled in, and the bounds of its spikes."""
        membrane, spikes = self.neuron.bounds(sums, graph.steps)
        return replace(self, accumulator=sums.hull, membrane=membrane.hull), spikes

    def accumulators(self, graph: Graph) -> tuple[Interval, ...]:
        assert self.accumulator is not None
        return (self.accumulator,)
