"""Addition of spikes to a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikewright.compiler.front.ir import Array, Bounds, Graph, IRError, Op, Value, need
from spikewright.compiler.front.limits import STREAM_LIMIT
from spikewright.cost.description import Description
from spikewright.models.package import AddOp, Package


@dataclass(frozen=True, eq=False)
class Add(Op):
    """inputs[0] + inputs[1]; the second is spikes."""

    kind: ClassVar[str] = "add"
    arity: ClassVar[int] = 2

    @classmethod
    def read(cls, package: Package, op: AddOp) -> Add:
        if op.limit is not None:
            raise IRError(f"{op.name}: {STREAM_LIMIT.text(limit=op.limit)}")
        return cls(op.name, op.reads)

    def result(self, inputs: list[Value], steps: int) -> Value:
        stream, branch = inputs
        need(branch.spikes, self.name, f"{branch.name!r} must be spikes")
        grid = stream.grid if branch.grid else None
        return Value(self.name, steps, stream.tokens, stream.channels, grid, False)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        return {self.name: inputs[0] + inputs[1]}

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        stream, branch = inputs
        return self, Bounds(stream.low + branch.low, stream.high + branch.high)

    def describe(self, description: Description, graph: Graph) -> None:
        description.add(self.name, *self.inputs, planes=graph.values[self.name].planes)
