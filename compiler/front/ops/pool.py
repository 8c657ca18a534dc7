"""Pooling of spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.arithmetic import windows
from spikewright.compiler.front.ir import Array, Bounds, Graph, IRError, Op, Value, need
from spikewright.compiler.front.limits import COUNTING_POOL
from spikewright.cost.description import Description
from spikewright.models.package import Package, PoolOp


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """OR of 3x3 windows, stride 2, padding 1."""

    kind: ClassVar[str] = "pool"
    by_channel: ClassVar[bool] = True

    @classmethod
    def read(cls, package: Package, op: PoolOp) -> Pool:
        if op.function != "or":
            raise IRError(f"{op.name}: {COUNTING_POOL.text(value=op.input)}")
        return cls(op.name, op.reads)

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        grid = source.grid
        need(grid and source.spikes, self.name, "a pool reads spikes on a grid")
        assert grid is not None
        need(grid[0] % 2 == 0 and grid[1] % 2 == 0, self.name, f"grid {grid} is not even")
        pooled = (grid[0] // 2, grid[1] // 2)
        return Value(self.name, steps, pooled[0] * pooled[1], source.channels, pooled, True)

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        (x,) = inputs
        grid = graph.values[self.inputs[0]].grid
        assert grid is not None  # verified
        batch, steps, tokens, channels = x.shape
        taps = windows(x, grid).reshape(batch, steps, *grid, 9, channels)
        return {self.name: np.asarray(taps[:, :, ::2, ::2].max(axis=-2).reshape(batch, steps, tokens // 4, channels))}

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        return self, inputs[0]

    def describe(self, description: Description, graph: Graph) -> None:
        description.pool(self.name, self.inputs[0])
