"""A matrix applied to each token, then neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikewright.compiler.front.arithmetic import matmul
from spikewright.compiler.front.ir import Array, Bounds, Graph, Op, Value, WeightedSum, Weights
from spikewright.compiler.front.neuron import Neuron, SpikingOp
from spikewright.cost.description import Description
from spikewright.models.package import LinearOp, Package


@dataclass(frozen=True, eq=False)
class Linear(SpikingOp):
    """Per token, then neurons."""

    kind: ClassVar[str] = "linear"
    weights: Weights

    @classmethod
    def read(cls, package: Package, op: LinearOp) -> Linear:
        weights = Weights.read(package, op.weights, op.name)
        return cls(op.name, op.reads, weights=weights, neuron=Neuron.read(package, op.neuron, op.name))

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        channels = self.neuron.bias.size
        self.weights.check(self.name, (channels, source.channels))
        self.neuron.check(self.name, channels)
        return Value(self.name, steps, source.tokens, channels, None, True)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        return self.spikes(matmul(inputs[0], self.weights.values.T), graph)

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        return self.bounded_by(self.weights.bounds(inputs[0]), graph)

    def describe(self, description: Description, graph: Graph) -> None:
        neuron = self.neuron
        matrix = self.weights.described(neuron.fraction_bits, neuron.bias.tolist(), neuron.threshold.tolist())
        description.linear(self.name, self.inputs[0], matrix)

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        source = graph.values[self.inputs[0]]
        return (WeightedSum(self.name, self.weights, source.name, source.planes, self.neuron.fraction_bits),)
