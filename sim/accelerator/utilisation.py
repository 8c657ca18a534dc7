"""How well the slot-lanes are used: the additions of an image, counted in three ways (docs/report.md).

- dense: every weight of the unpruned network, for each stored bit-plane of its input, position (or kept token), step
- weight_sparse: the non-zero weights only
- dual_sparse: and only where the spike or plane bit is 1
A layer that reads a still image: one step. Attention counts its K^T V elements as weights, a shortcut by a gain its
digits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from spikewright.compiler.trace_map import TraceMap
from spikewright.cost.cycles import HIDDEN_PLANES
from spikewright.cost.gains import digits
from spikewright.models.package import IMAGE, AttentionOp, ConvOp, HeadOp, LinearOp, Op, Package, SelectOp, shapes
from spikewright.sim.golden import Trace, hidden_activations, image_codes

Array = np.ndarray


class SpikeWork:
    """Counts additions: dense and weight-sparse from the package, dual-sparse from what the golden model did."""

    def __init__(self, package: Package, trace_map: TraceMap) -> None:
        self.package, self.trace_map = package, trace_map
        self.shapes = shapes(package.network)
        self.dense = self.weight_sparse = 0
        self.dual_sparse = 0  # of all images added
        self.images = 0
        for op in package.network.ops:
            for codes, positions, planes in self._static(op):
                self.dense += codes.size * positions * planes
                self.weight_sparse += int(np.count_nonzero(codes)) * positions * planes

    def planes(self, name: str) -> int:
        return self.trace_map.planes[name]

    def _static(self, op: Op) -> list[tuple[Array, int, int]]:
        """(codes, positions x steps, planes) of each weight tensor of an op."""
        network, tensors = self.package.network, self.package.tensors
        if isinstance(op, AttentionOp):
            shape = self.shapes[op.query]
            elements = np.ones(shape.channels * self.shapes[op.value].channels // op.heads, np.int8)
            return [(elements, shape.tokens * network.steps, 1)]
        if isinstance(op, SelectOp):
            tokens = self.shapes[op.input].tokens
            hidden, score = tensors[f"{op.name}.hidden.codes"], tensors[f"{op.name}.score.codes"]
            return [(hidden, tokens * network.steps, self.planes(op.input)), (score, tokens, HIDDEN_PLANES)]
        if isinstance(op, ConvOp | LinearOp | HeadOp):
            read = [(tensors[f"{op.name}.codes"], op.input)]
            if isinstance(op, ConvOp) and op.shortcut is not None:
                read.append((self._shortcut(op), op.shortcut.input))
            return [(codes, self.shapes[x].tokens * self._steps(x), self.planes(x)) for codes, x in read]
        return []

    def _steps(self, name: str) -> int:
        """Steps at which a value is read: one of a still image."""
        network = self.package.network
        return 1 if name == IMAGE and not network.input.frames else network.steps

    def _shortcut(self, op: ConvOp) -> Array:
        """Entries of a shortcut, [outputs or digits, channels of what it joins]."""
        tensors = self.package.tensors
        assert op.shortcut is not None
        if op.shortcut.weights is not None:
            return tensors[f"{op.name}.shortcut.codes"]
        counts = np.array([len(digits(gain)) for gain in tensors[f"{op.name}.shortcut.gain"].tolist()])
        return np.asarray(np.arange(counts.max(initial=0))[:, None] < counts, np.int8)

    def add(self, golden: Trace, images: Array) -> None:
        """Count the additions of some images."""
        self.images += len(images)
        values = {name: tensor.numpy() for name, tensor in golden.values.items()}
        values[IMAGE] = image_codes(self.package, torch.from_numpy(images)).numpy()
        for op in self.package.network.ops:
            self.dual_sparse += self._active(op, values)

    def _active(self, op: Op, values: Mapping[str, Array]) -> int:
        tensors = self.package.tensors
        if isinstance(op, AttentionOp):
            return int(values[op.query].sum(dtype=np.int64)) * (self.shapes[op.value].channels // op.heads)
        if isinstance(op, SelectOp):
            x = torch.from_numpy(values[op.input].astype(np.int64))
            hidden = hidden_activations(self.package, op, x).numpy()
            count = _by_channel(values[op.input], self.planes(op.input)) @ _used(tensors[f"{op.name}.hidden.codes"])
            return int(count + _by_channel(hidden[:, None], HIDDEN_PLANES) @ _used(tensors[f"{op.name}.score.codes"]))
        if isinstance(op, ConvOp):
            joined = op.shortcut
            more = (
                0
                if joined is None
                else _by_channel(values[joined.input], self.planes(joined.input)) @ _used(self._shortcut(op))
            )
            return self._conv(op, values[op.input]) + int(more)
        if isinstance(op, LinearOp | HeadOp):
            return int(_by_channel(values[op.input], self.planes(op.input)) @ _used(tensors[f"{op.name}.codes"]))
        return 0

    def _conv(self, op: ConvOp, x: Array) -> int:
        grid = self.shapes[op.input].grid
        assert grid is not None
        bits = _ones(x, self.planes(op.input)).sum(axis=(0, 1)).reshape(*grid, -1)  # [y, x, C]
        used = np.count_nonzero(self.package.tensors[f"{op.name}.codes"], axis=0)  # [C, 3, 3]
        total = 0
        for dy in range(3):
            for dx in range(3):
                # tap (dy, dx) of the output at (y, x) reads the input at (y + dy - 1, x + dx - 1)
                rows = slice(max(0, dy - 1), grid[0] + min(0, dy - 1))
                columns = slice(max(0, dx - 1), grid[1] + min(0, dx - 1))
                total += int(bits[rows, columns].sum(axis=(0, 1)) @ used[:, dy, dx])
        return total


def _ones(values: Array, planes: int) -> Array:
    """Bits that are 1 in each value's planes (two's complement)."""
    wrapped = values.astype(np.int64) & ((1 << planes) - 1)
    return np.asarray(np.bitwise_count(wrapped), np.int64)


def _by_channel(values: Array, planes: int) -> Array:
    """Ones of each channel of [B, T, N, C]."""
    return np.asarray(_ones(values, planes).sum(axis=tuple(range(values.ndim - 1))))


def _used(codes: Array) -> Array:
    """Non-zero weights that read each input channel."""
    return np.asarray(np.count_nonzero(codes, axis=0))
