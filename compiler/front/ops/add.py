"""Addition of spikes to a stream, which may saturate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.ir import Array, Bounds, Graph, Op, Value, need
from spikewright.cost.description import Description
from spikewright.models.package import AddOp, Package


@dataclass(frozen=True, eq=False)
class Add(Op):
    """inputs[0] + inputs[1], at most ``limit`` where there is one, all ones in binary; the second is spikes."""

    kind: ClassVar[str] = "add"
    limit: int | None = None

    @property
    def arity(self) -> int:
        return 2

    @classmethod
    def read(cls, package: Package, op: AddOp) -> Add:
        return cls(op.name, op.reads, op.limit)

    def result(self, inputs: list[Value], steps: int) -> Value:
        stream, branch = inputs
        need(branch.spikes, self.name, f"{branch.name!r} must be spikes")
        need(
            stream.channels == branch.channels, self.name, f"{stream.name!r} and {branch.name!r} differ in channels"
        )  # fmt: skip
        need(
            self.limit is None or (self.limit > 0 and not self.limit & (self.limit + 1)),
            self.name, f"limit {self.limit}; allowed is all ones in binary",
        )  # fmt: skip
        grid = stream.grid if branch.grid else None
        return Value(self.name, steps, stream.tokens, stream.channels, grid, False)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        return {self.name: self._limited(inputs[0] + inputs[1])}

    def saturates(self, graph: Graph) -> bool:
        """Whether the sum can be greater than the limit, once the intervals are known."""
        stream, branch = (graph.values[name].interval for name in self.inputs)
        assert stream is not None
        assert branch is not None
        return self.limit is not None and stream.high + branch.high > self.limit

    def _limited(self, total: Array) -> Array:
        return total if self.limit is None else np.minimum(total, self.limit)

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        stream, branch = inputs
        return self, Bounds(self._limited(stream.low + branch.low), self._limited(stream.high + branch.high))

    def describe(self, description: Description, graph: Graph) -> None:
        description.add(self.name, *self.inputs, planes=graph.values[self.name].planes)
