"""Token selector: a small MLP scores the tokens, the best are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.arithmetic import matmul
from spikewright.compiler.front.ir import (
    Array,
    Bounds,
    Graph,
    Interval,
    Op,
    Value,
    WeightedSum,
    Weights,
    need,
    need_bias,
    need_inside,
    wide,
)
from spikewright.cost.cycles import HIDDEN_PLANES
from spikewright.cost.description import Description
from spikewright.models.package import Package, SelectOp

#: What a hidden value can be.
HIDDEN = Interval(0, (1 << HIDDEN_PLANES) - 1)


@dataclass(frozen=True, eq=False)
class Select(Op):
    """Token selector.

    hidden_accumulator: holds the sums over steps a[n, j]; score_accumulator: holds z[n].
    """

    kind: ClassVar[str] = "select"
    keep: int
    hidden: Weights
    hidden_bias: Array
    hidden_fraction_bits: int
    shift: int
    score: Weights
    score_bias: Array
    score_fraction_bits: int
    hidden_accumulator: Interval | None = None
    score_accumulator: Interval | None = None

    @classmethod
    def read(cls, package: Package, op: SelectOp) -> Select:
        return cls(
            op.name,
            op.reads,
            keep=op.keep,
            hidden=Weights.read(package, op.hidden.weights, f"{op.name}.hidden"),
            hidden_bias=wide(package, f"{op.name}.hidden.bias"),
            hidden_fraction_bits=op.hidden.fraction_bits,
            shift=op.hidden.shift,
            score=Weights.read(package, op.score.weights, f"{op.name}.score"),
            score_bias=wide(package, f"{op.name}.score.bias"),
            score_fraction_bits=op.score.fraction_bits,
        )

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        need(1 <= self.keep <= source.tokens, self.name, f"keeps {self.keep} of {source.tokens} tokens")
        need(0 <= self.shift <= 31, self.name, f"shift {self.shift}; allowed is 0 to 31")
        hidden = self.hidden_bias.size
        self.hidden.check(self.name, (hidden, source.channels))
        self.score.check(self.name, (1, hidden))
        need_bias(self.name, self.hidden_bias, hidden, self.hidden_fraction_bits)
        need_bias(self.name, self.score_bias, 1, self.score_fraction_bits)
        return Value(self.name, steps, self.keep, source.channels, None, source.spikes)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        (x,) = inputs
        sums = (matmul(x, self.hidden.values.T) << self.hidden_fraction_bits) + self.hidden_bias
        total = sums.sum(axis=1)
        need_inside(self.name, "hidden accumulator", total, self.hidden_accumulator)
        hidden = np.clip(np.maximum(total, 0) >> self.shift, HIDDEN.low, HIDDEN.high)
        scores = (matmul(hidden, self.score.values.T)[..., 0] << self.score_fraction_bits) + self.score_bias
        need_inside(self.name, "score accumulator", scores, self.score_accumulator)
        kept = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, : self.keep], axis=1)
        return {f"{self.name}.kept": kept, self.name: np.take_along_axis(x, kept[:, None, :, None], axis=2)}

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        sums, steps = self.hidden.bounds(inputs[0]), graph.steps
        low, high = (steps * ((side << self.hidden_fraction_bits) + self.hidden_bias) for side in (sums.low, sums.high))
        hidden = Bounds(*(np.clip(np.maximum(side, 0) >> self.shift, HIDDEN.low, HIDDEN.high) for side in (low, high)))
        score = self.score.bounds(hidden)
        z = Bounds(*((side << self.score_fraction_bits) + self.score_bias for side in (score.low, score.high)))
        bounded = replace(
            self,
            hidden_accumulator=Bounds(low, high).with_zero().hull,
            score_accumulator=z.with_zero().hull,
        )
        return bounded, inputs[0]

    def describe(self, description: Description, graph: Graph) -> None:
        scores = self.score_accumulator
        assert scores is not None
        mlp = (
            self.hidden.described(self.hidden_fraction_bits, self.hidden_bias.tolist()),
            self.score.described(self.score_fraction_bits, self.score_bias.tolist()),
        )
        bits = scores.bits + int(not scores.signed)
        description.select(self.name, self.inputs[0], keep=self.keep, mlp=mlp, shift=self.shift, score_bits=bits)

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        source = graph.values[self.inputs[0]]
        return (
            WeightedSum(f"{self.name}.hidden", self.hidden, source.name, source.planes, self.hidden_fraction_bits),
            WeightedSum(f"{self.name}.score", self.score, None, HIDDEN_PLANES, self.score_fraction_bits),
        )

    def accumulators(self, graph: Graph) -> tuple[Interval, ...]:
        interval = graph.values[self.inputs[0]].interval
        assert interval is not None
        meets = ((self.hidden, interval), (self.score, HIDDEN))
        return tuple(weights.bounds(Bounds.alike(x, weights.codes.shape[1])).hull for weights, x in meets)
