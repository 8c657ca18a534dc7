"""Classifier: scores summed over steps and tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

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
    need_bias,
    need_inside,
    wide,
)
from spikewright.cost.description import Description
from spikewright.models.package import HeadOp, Package


@dataclass(frozen=True, eq=False)
class Head(Op):
    """Classifier.

    accumulator: holds a[t, n, c], of one token and one step; score: holds the final score[c].
    """

    kind: ClassVar[str] = "head"
    weights: Weights
    bias: Array
    fraction_bits: int
    accumulator: Interval | None = None
    score: Interval | None = None

    @classmethod
    def read(cls, package: Package, op: HeadOp) -> Head:
        weights = Weights.read(package, op.weights, op.name)
        return cls(op.name, op.reads, weights, wide(package, f"{op.name}.bias"), op.fraction_bits)

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        self.weights.check(self.name, (self.bias.size, source.channels))
        need_bias(self.name, self.bias, self.bias.size, self.fraction_bits)
        return Value(self.name, 1, 1, self.bias.size, None, False)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        sums = matmul(inputs[0], self.weights.values.T)
        need_inside(self.name, "accumulator", sums, self.accumulator)
        scores: Array = ((sums << self.fraction_bits) + self.bias).sum(axis=(1, 2))
        need_inside(self.name, "score", scores, self.score)
        return {self.name: scores}

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        sums = self.weights.bounds(inputs[0])
        count = graph.steps * graph.values[self.inputs[0]].tokens
        sides = (count * ((side << self.fraction_bits) + self.bias) for side in (sums.low, sums.high))
        scores = Bounds(*sides).with_zero()
        return replace(self, accumulator=sums.hull, score=scores.hull), scores

    def describe(self, description: Description, graph: Graph) -> None:
        description.head(self.name, self.inputs[0], self.weights.described(self.fraction_bits, self.bias.tolist()))

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        source = graph.values[self.inputs[0]]
        return (WeightedSum(self.name, self.weights, source.name, source.planes, self.fraction_bits),)

    def accumulators(self, graph: Graph) -> tuple[Interval, ...]:
        assert self.accumulator is not None
        return (self.accumulator,)
