"""Softmax-free attention over spikes, then neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.arithmetic import matmul
from spikewright.compiler.front.ir import Array, Bounds, Graph, Op, Value, need
from spikewright.compiler.front.neuron import Neuron, SpikingOp
from spikewright.cost.description import Description
from spikewright.cost.rom import parameter_bits
from spikewright.models.package import AttentionOp, Package


@dataclass(frozen=True, eq=False)
class Attention(SpikingOp):
    """inputs = (query, key, value), contiguous heads, then neurons."""

    kind: ClassVar[str] = "attention"
    heads: int

    @property
    def arity(self) -> int:
        return 3

    @classmethod
    def read(cls, package: Package, op: AttentionOp) -> Attention:
        return cls(op.name, op.reads, heads=op.heads, neuron=Neuron.read(package, op.neuron, op.name))

    def result(self, inputs: list[Value], steps: int) -> Value:
        query, key, value = inputs
        need(all(value.spikes for value in inputs), self.name, "query, key and value must be spikes")
        need(query.channels == key.channels, self.name, f"{query.name!r} and {key.name!r} differ in channels")
        channels = value.channels
        for count in (query.channels, channels):
            need(self.heads >= 1 and count % self.heads == 0, self.name, f"{self.heads} heads, {count} channels")
        need(not self.neuron.bias.any(), self.name, "attention neurons have no bias")
        self.neuron.check(self.name, channels)
        return Value(self.name, steps, query.tokens, channels, None, True)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        query, key, value = (self._by_head(x) for x in inputs)
        sums = matmul(query, matmul(key.swapaxes(-1, -2), value))
        return self.spikes(np.asarray(sums.swapaxes(2, 3).reshape(inputs[2].shape)), graph)

    def _by_head(self, x: Array) -> Array:
        """[B, T, N, C] to [B, T, heads, N, C / heads]."""
        batch, steps, tokens, channels = x.shape
        return x.reshape(batch, steps, tokens, self.heads, channels // self.heads).swapaxes(2, 3)

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        query, key, value = inputs
        # channels of its head in which query and key meet, per channel
        meetings = (query.high * key.high).reshape(self.heads, -1).sum(axis=1)
        pairs = np.repeat(meetings, len(value.high) // self.heads)
        high = graph.values[self.inputs[0]].tokens * pairs * value.high
        return self.bounded_by(Bounds(np.zeros_like(high), high), graph)  # partial sums begin at 0

    def describe(self, description: Description, graph: Graph) -> None:
        bits = parameter_bits(self.neuron.bias.tolist(), self.neuron.threshold.tolist())
        description.attention(self.name, *self.inputs, heads=self.heads, parameter_bits=bits)
