"""Convolution 3x3, then neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikewright.compiler.front.arithmetic import matmul, windows
from spikewright.compiler.front.ir import Array, Bounds, Graph, IRError, Op, Value, WeightedSum, Weights, need
from spikewright.compiler.front.limits import SHORTCUT
from spikewright.compiler.front.neuron import Neuron, SpikingOp
from spikewright.cost.description import Description
from spikewright.models.package import ConvOp, Package


@dataclass(frozen=True, eq=False)
class Conv(SpikingOp):
    """3x3, stride 1, zero padding 1, then neurons."""

    kind: ClassVar[str] = "conv"
    reads_image: ClassVar[bool] = True
    weights: Weights

    @classmethod
    def read(cls, package: Package, op: ConvOp) -> Conv:
        if op.shortcut is not None:
            raise IRError(f"{op.name}: {SHORTCUT.text(value=op.shortcut.input)}")
        weights = Weights.read(package, op.weights, op.name)
        return cls(op.name, op.reads, weights=weights, neuron=Neuron.read(package, op.neuron, op.name))

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        need(source.grid, self.name, f"{source.name!r} has no grid")
        channels = self.neuron.bias.size
        self.weights.check(self.name, (channels, source.channels, 3, 3))
        self.neuron.check(self.name, channels)
        return Value(self.name, steps, source.tokens, channels, source.grid, True)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        grid = graph.values[self.inputs[0]].grid
        assert grid is not None  # verified
        values = self.weights.values
        by_tap = values.transpose(2, 3, 1, 0).reshape(-1, values.shape[0])
        return self.spikes(matmul(windows(inputs[0], grid), by_tap), graph)

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        return self.bounded_by(self.weights.bounds(inputs[0]), graph)

    def describe(self, description: Description, graph: Graph) -> None:
        neuron = self.neuron
        matrix = self.weights.described(neuron.fraction_bits, neuron.bias.tolist(), neuron.threshold.tolist())
        description.conv(self.name, self.inputs[0], matrix)

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        source = graph.values[self.inputs[0]]
        return (WeightedSum(self.name, self.weights, source.name, source.planes, self.neuron.fraction_bits),)
