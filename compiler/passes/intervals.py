"""Exact interval analysis: what every value, sum and membrane can be, from the actual weights.

Intervals are kept per channel inside the pass and stored as their hull. Every term of a sum may be absent (padding, a
silent spike, not yet added), so each term's interval holds 0: partial sums in any order stay inside too, and overflow
is impossible by construction in any accumulator as wide as its interval.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..ir import (
    Add,
    Attention,
    Compare,
    Conv,
    Graph,
    ImageInput,
    Interval,
    Linear,
    Neuron,
    Op,
    Pool,
    Reset,
    Select,
    Value,
    Weights,
)

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Bounds:
    """Per-channel bounds, int64 [C] each."""

    low: Array
    high: Array

    @property
    def hull(self) -> Interval:
        return Interval(int(self.low.min()), int(self.high.max()))

    def with_zero(self) -> "Bounds":
        return Bounds(np.minimum(self.low, 0), np.maximum(self.high, 0))


def intervals(graph: Graph) -> Graph:
    """Fill the intervals of all values, accumulators, membranes and scores."""
    bounds: dict[str, Bounds] = {"input": _image(graph.image)}
    ops: list[Op] = []
    for op in graph.ops:
        new, bounds[op.name] = _op(graph, op, [bounds[name] for name in op.inputs])
        ops.append(new)
    values: list[Value] = [replace(graph.values[name], interval=b.hull) for name, b in bounds.items()]
    return graph.with_ops(ops).with_values(values)


def _image(image: ImageInput) -> Bounds:
    table = image.table.astype(np.int64)
    return Bounds(table.min(axis=1), table.max(axis=1))


def sum_bounds(weights: Weights, inputs: Bounds) -> Bounds:
    """Bounds of each output channel's integer sum a, all partial sums included."""
    values = weights.values.reshape(*weights.values.shape[:2], -1)
    positive, negative = np.maximum(values, 0).sum(axis=2), np.minimum(values, 0).sum(axis=2)
    x = inputs.with_zero()
    return Bounds(positive @ x.low + negative @ x.high, positive @ x.high + negative @ x.low)


def membrane_bounds(neuron: Neuron, sums: Bounds, steps: int) -> tuple[Bounds, Bounds]:
    """Bounds of the membrane (before and after the reset, over all steps) and of the spikes, per channel."""
    x_low = (sums.low << neuron.fraction_bits) + neuron.bias
    x_high = (sums.high << neuron.fraction_bits) + neuron.bias
    last_silent = neuron.threshold - (1 if neuron.compare is Compare.GE else 0)
    low = high = np.zeros_like(x_low)
    all_low, all_high = low, high
    ever, always = np.zeros(len(low), dtype=bool), np.ones(len(low), dtype=bool)
    for _ in range(steps):
        low, high = _leak(neuron, low) + x_low, _leak(neuron, high) + x_high
        all_low, all_high = np.minimum(all_low, low), np.maximum(all_high, high)
        fires, silent = high > last_silent, low <= last_silent
        ever, always = ever | fires, always & ~silent
        fired_low = np.maximum(low, last_silent + 1) - neuron.threshold  # soft reset
        fired_high = high - neuron.threshold
        if neuron.reset is Reset.HARD:
            fired_low = fired_high = np.zeros_like(low)
        silent_high = np.minimum(high, last_silent)
        low, high = (
            np.where(silent, np.where(fires, np.minimum(low, fired_low), low), fired_low),
            np.where(fires, np.where(silent, np.maximum(silent_high, fired_high), fired_high), silent_high),
        )
        all_low, all_high = np.minimum(all_low, low), np.maximum(all_high, high)
    return Bounds(all_low, all_high), Bounds(always.astype(np.int64), ever.astype(np.int64))


def _leak(neuron: Neuron, u: Array) -> Array:
    product = neuron.leak * u
    return np.asarray(product >> 4 if neuron.compare is Compare.GE else -(-product >> 4))


def _attention(op: Attention, tokens: int, inputs: list[Bounds]) -> Bounds:
    query, key, value = inputs

    def pairs(of_query: Array, of_key: Array) -> Array:
        """Channels of its head in which query and key meet, per channel [C]."""
        heads = (of_query * of_key).reshape(op.heads, -1).sum(axis=1)
        return np.repeat(heads, len(of_query) // op.heads)

    high = tokens * pairs(query.high, key.high) * value.high
    return Bounds(np.zeros_like(high), high)  # partial sums begin at 0


def _op(graph: Graph, op: Op, inputs: list[Bounds]) -> tuple[Op, Bounds]:
    first = inputs[0]
    if isinstance(op, Conv | Linear | Attention):
        if isinstance(op, Attention):
            sums = _attention(op, graph.values[op.inputs[0]].tokens, inputs)
        else:
            sums = sum_bounds(op.weights, first)
        membrane, spikes = membrane_bounds(op.neuron, sums, graph.steps)
        return replace(op, accumulator=sums.hull, membrane=membrane.hull), spikes
    if isinstance(op, Pool | Select):
        return (_select(graph, op, first) if isinstance(op, Select) else op), first
    if isinstance(op, Add):
        return op, Bounds(first.low + inputs[1].low, first.high + inputs[1].high)
    sums = sum_bounds(op.weights, first)
    count = graph.steps * graph.values[op.inputs[0]].tokens
    scores = Bounds(*(count * ((side << op.fraction_bits) + op.bias) for side in (sums.low, sums.high))).with_zero()
    return replace(op, accumulator=sums.hull, score=scores.hull), scores


def _select(graph: Graph, op: Select, inputs: Bounds) -> Select:
    sums = sum_bounds(op.hidden, inputs)
    low, high = (graph.steps * ((side << op.hidden_fraction_bits) + op.hidden_bias) for side in (sums.low, sums.high))
    hidden = Bounds(*(np.clip(np.maximum(side, 0) >> op.shift, 0, 255) for side in (low, high)))
    score = sum_bounds(op.score, hidden)
    z = Bounds(*((side << op.score_fraction_bits) + op.score_bias for side in (score.low, score.high)))
    return replace(op, hidden_accumulator=Bounds(low, high).with_zero().hull, score_accumulator=z.with_zero().hull)
