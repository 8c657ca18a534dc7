"""A network told as shapes: what training and the compiler both know of it, op by op."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from spikewright.cost.gains import code_bits, digits
from spikewright.cost.geometry import PoolFunction, Windows, count_pool, or_pool
from spikewright.cost.routing import IMAGE
from spikewright.cost.work import Scheme


@dataclass(frozen=True)
class Matrix:
    """Weights of a layer: channels, taps, how many are not zero, their format, fraction bits of what they sum into.

    parameter_bits: of its widest bias or threshold on that grid; 0: not known yet. A shortcut by gains has no inputs:
    kept are its digits.
    """

    outputs: int
    inputs: int
    kept: int
    taps: int = 1
    scheme: Scheme = "uniform"
    bits: int = 32
    fraction_bits: int = 0
    parameter_bits: int = 0


def described_gains(gains: Sequence[int]) -> Matrix:
    """The shape of a shortcut by gains, one a channel: an entry for each digit."""
    entries = sum(len(digits(gain)) for gain in gains)
    return Matrix(len(gains), 0, entries, scheme="pot", bits=code_bits(gains))


@dataclass(frozen=True)
class DescribedValue:
    """What an op makes.

    tokens: or positions of a grid; planes: bit-planes; spikes: whether it is 0 or 1.
    """

    channels: int
    tokens: int
    grid: tuple[int, int] | None
    planes: int = 1
    spikes: bool = True


@dataclass(frozen=True)
class DescribedOp:
    """One op as it was told."""

    kind: Literal["conv", "linear", "windows", "add", "attention", "select", "head"]
    name: str
    inputs: tuple[str, ...]
    matrix: Matrix | None = None
    shortcut: Matrix | None = None
    score: Matrix | None = None
    heads: int = 1
    parameter_bits: int = 0
    keep: int = 0
    shift: int = 0
    score_bits: int = 0
    windows: Windows | None = None
    pool: PoolFunction | None = None


class Description:
    """Told of every op in execution order, as shapes; names are those of the values made.

    image: height, width, channels; planes: bits of a pixel's code; still: one image for all ``steps``; fraction_bits:
    at least so many on the engine's one membrane grid; leaks: some neurons leak otherwise than by half.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        *,
        planes: int,
        steps: int,
        still: bool = True,
        fraction_bits: int = 0,
        leaks: bool = False,
    ) -> None:
        height, width, channels = image
        self.leaks = leaks
        self.steps, self.still, self.fraction_bits = steps, still, fraction_bits
        self.values = {IMAGE: DescribedValue(channels, height * width, (height, width), planes, planes == 1)}
        self.ops: list[DescribedOp] = []

    def _put(self, op: DescribedOp, value: DescribedValue) -> None:
        fraction_bits = [matrix.fraction_bits for matrix in (op.matrix, op.score) if matrix is not None]
        self.fraction_bits = max(self.fraction_bits, *fraction_bits, 0)
        self.ops.append(op)
        self.values[op.name] = value

    def conv(self, name: str, source: str, matrix: Matrix, shortcut: tuple[str, Matrix] | None = None) -> None:
        """3×3 convolution and neurons.

        shortcut: another value, and a matrix or gains through which it joins the sums.
        """
        x = self.values[source]
        joined, through = shortcut or (None, None)
        inputs = (source,) if joined is None else (source, joined)
        op = DescribedOp("conv", name, inputs, matrix, through)
        self._put(op, DescribedValue(matrix.outputs, x.tokens, x.grid))

    def linear(self, name: str, source: str, matrix: Matrix) -> None:
        """A matrix at each token, and neurons."""
        self._put(
            DescribedOp("linear", name, (source,), matrix),
            DescribedValue(matrix.outputs, self.values[source].tokens, None),
        )

    def pool(self, name: str, source: str, function: PoolFunction = "or", *, planes: int = 1) -> None:
        """2×2 fewer positions.

        function: what becomes of a window's spikes; planes: of the result.
        """
        grid = self.values[source].grid
        assert grid is not None
        windows = or_pool if function == "or" else count_pool
        self.windows(name, source, windows, (grid[0] // 2, grid[1] // 2), planes=planes, pool=function)

    def windows(
        self,
        name: str,
        source: str,
        windows: Windows,
        grid: tuple[int, int],
        *,
        planes: int = 1,
        pool: PoolFunction | None = None,
    ) -> None:
        """Positions that are each made of a window of source positions, by the mover.

        grid, planes: of the result; pool: which pool that is, if it is one; else the grid is the source's.
        """
        x = self.values[source]
        value = DescribedValue(x.channels, grid[0] * grid[1], grid, planes, x.spikes and planes == 1)
        self._put(DescribedOp("windows", name, (source,), windows=windows, pool=pool), value)

    def add(self, name: str, stream: str, spikes: str, *, planes: int) -> None:
        """Residual addition, done where the op that makes ``spikes`` writes.

        planes: of the sum.
        """
        a, b = self.values[stream], self.values[spikes]
        value = replace(a, grid=a.grid and b.grid, planes=planes, spikes=a.spikes and b.spikes and planes == 1)
        self._put(DescribedOp("add", name, (stream, spikes)), value)

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, parameter_bits: int = 0) -> None:
        """(q·kᵀ)·v and neurons.

        parameter_bits: of its widest bias or threshold, whole numbers; 0: not known yet.
        """
        output = replace(self.values[query], channels=self.values[value].channels, grid=None)
        self._put(
            DescribedOp("attention", name, (query, key, value), heads=heads, parameter_bits=parameter_bits), output
        )

    def select(
        self,
        name: str,
        source: str,
        *,
        keep: int,
        mlp: tuple[Matrix, Matrix] | None,
        shift: int = 0,
        score_bits: int = 0,
    ) -> None:
        """Token selector.

        mlp: hidden layer and score row; shift: of hidden sums; score_bits: of a score's sum.
        """
        hidden, score = mlp or (None, None)
        op = DescribedOp("select", name, (source,), hidden, score=score, keep=keep, shift=shift, score_bits=score_bits)
        self._put(op, replace(self.values[source], tokens=keep, grid=None))

    def head(self, name: str, source: str, matrix: Matrix) -> None:
        """Class scores."""
        self._put(DescribedOp("head", name, (source,), matrix), DescribedValue(matrix.outputs, 1, None))
