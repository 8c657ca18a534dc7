"""Convolution 3x3, a shortcut into its sums, then neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.arithmetic import matmul, windows
from spikewright.compiler.front.ir import Array, Bounds, Graph, Op, Value, WeightedSum, Weights, need, wide
from spikewright.compiler.front.neuron import Neuron, SpikingOp
from spikewright.cost.description import Description, Matrix, described_gains
from spikewright.cost.gains import digits
from spikewright.models.package import ConvOp, Package


@dataclass(frozen=True, eq=False)
class Conv(SpikingOp):
    """3x3, stride 1, zero padding 1, then neurons.

    inputs: what it convolves, and what a shortcut joins to its sums: through ``matrix``, or by ``gain``, int64 [C].
    """

    kind: ClassVar[str] = "conv"
    reads_image: ClassVar[bool] = True
    weights: Weights
    matrix: Weights | None = None
    gain: Array | None = None

    @classmethod
    def read(cls, package: Package, op: ConvOp) -> Conv:
        matrix = gain = None
        if op.shortcut is not None and op.shortcut.weights is not None:
            matrix = Weights.read(package, op.shortcut.weights, f"{op.name}.shortcut")
        elif op.shortcut is not None:
            gain = wide(package, f"{op.name}.shortcut.gain")
        return cls(
            op.name, op.reads, weights=Weights.read(package, op.weights, op.name), matrix=matrix, gain=gain,
            neuron=Neuron.read(package, op.neuron, op.name),
        )  # fmt: skip

    @property
    def arity(self) -> int:
        return 1 if self.matrix is None and self.gain is None else 2

    def joined_entries(self) -> Array:
        """Entries that a shortcut brings to each output from each channel of what it joins, int64 [out, joined]."""
        if self.matrix is not None:
            return np.asarray(self.matrix.codes != 0, np.int64)
        assert self.gain is not None
        return np.diag([len(digits(gain)) for gain in self.gain.tolist()])

    @property
    def joined(self) -> str | None:
        """The value that a shortcut joins."""
        return self.inputs[1] if len(self.inputs) > 1 else None

    def result(self, inputs: list[Value], steps: int) -> Value:
        source = inputs[0]
        need(source.grid, self.name, f"{source.name!r} has no grid")
        channels = self.neuron.bias.size
        self.weights.check(self.name, (channels, source.channels, 3, 3))
        self.neuron.check(self.name, channels)
        need(self.matrix is None or self.gain is None, self.name, "a shortcut through a matrix and by a gain")
        if self.matrix is not None:
            self.matrix.check(self.name, (channels, inputs[1].channels))
        if self.gain is not None:
            fits = self.gain.dtype == np.int64 and self.gain.shape == (channels,) == (inputs[1].channels,)
            need(fits, self.name, f"gain is {self.gain.dtype} {self.gain.shape}")
        return Value(self.name, steps, source.tokens, channels, source.grid, True)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        grid = graph.values[self.inputs[0]].grid
        assert grid is not None  # verified
        values = self.weights.values
        by_tap = values.transpose(2, 3, 1, 0).reshape(-1, values.shape[0])
        sums = matmul(windows(inputs[0], grid), by_tap)
        if self.matrix is not None:
            sums = sums + matmul(inputs[1], self.matrix.values.T)
        elif self.gain is not None:
            sums = sums + inputs[1] * self.gain
        return self.spikes(sums, graph)

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        sums = self.weights.bounds(inputs[0])
        if self.matrix is not None:
            sums = sums.plus(self.matrix.bounds(inputs[1]))
        elif self.gain is not None:
            x = inputs[1].with_zero()
            up, down = np.maximum(self.gain, 0), np.minimum(self.gain, 0)
            sums = sums.plus(Bounds(up * x.low + down * x.high, up * x.high + down * x.low))
        return self.bounded_by(sums, graph)

    def describe(self, description: Description, graph: Graph) -> None:
        neuron = self.neuron
        matrix = self.weights.described(neuron.fraction_bits, neuron.bias.tolist(), neuron.threshold.tolist())
        description.conv(self.name, self.inputs[0], matrix, self._described_shortcut())

    def _described_shortcut(self) -> tuple[str, Matrix] | None:
        if self.joined is None:
            return None
        if self.matrix is not None:
            return self.joined, self.matrix.described(self.neuron.fraction_bits, ())
        assert self.gain is not None
        return self.joined, described_gains(self.gain.tolist())

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        source, fraction_bits = graph.values[self.inputs[0]], self.neuron.fraction_bits
        own = WeightedSum(self.name, self.weights, source.name, source.planes, fraction_bits)
        if self.matrix is None or self.joined is None:
            return (own,)
        joined = graph.values[self.joined]
        name = f"{self.name}.shortcut"
        return (own, WeightedSum(name, self.matrix, joined.name, joined.planes, fraction_bits))
