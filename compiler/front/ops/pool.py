"""Pooling of spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewright.compiler.front.arithmetic import windows
from spikewright.compiler.front.ir import Array, Bounds, Graph, Op, Value, need
from spikewright.cost.description import Description
from spikewright.cost.geometry import PoolFunction
from spikewright.models.package import Package, PoolOp


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """OR of 3x3 windows, stride 2, padding 1; or the number of spikes in 2x2 windows."""

    kind: ClassVar[str] = "pool"
    by_channel: ClassVar[bool] = True
    function: PoolFunction = "or"

    @classmethod
    def read(cls, package: Package, op: PoolOp) -> Pool:
        return cls(op.name, op.reads, op.function)

    def result(self, inputs: list[Value], steps: int) -> Value:
        (source,) = inputs
        grid = source.grid
        need(grid and source.spikes, self.name, "a pool reads spikes on a grid")
        assert grid is not None
        need(grid[0] % 2 == 0 and grid[1] % 2 == 0, self.name, f"grid {grid} is not even")
        pooled = (grid[0] // 2, grid[1] // 2)
        return Value(self.name, steps, pooled[0] * pooled[1], source.channels, pooled, self.function == "or")

    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        (x,) = inputs
        grid = graph.values[self.inputs[0]].grid
        assert grid is not None  # verified
        batch, steps, tokens, channels = x.shape
        if self.function == "count":
            quarters = x.reshape(batch, steps, grid[0] // 2, 2, grid[1] // 2, 2, channels)
            return {self.name: quarters.sum(axis=(3, 5)).reshape(batch, steps, tokens // 4, channels)}
        taps = windows(x, grid).reshape(batch, steps, *grid, 9, channels)
        return {self.name: np.asarray(taps[:, :, ::2, ::2].max(axis=-2).reshape(batch, steps, tokens // 4, channels))}

    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        (x,) = inputs
        return self, x if self.function == "or" else Bounds(4 * x.low, 4 * x.high)

    def describe(self, description: Description, graph: Graph) -> None:
        description.pool(self.name, self.inputs[0], self.function, planes=graph.values[self.name].planes)
