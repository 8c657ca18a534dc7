"""The compiler's intermediate representation: small frozen dataclasses.

Semantics are those of docs/package.md. An op's result has the op's name. The ops themselves, one file each, are in
``spikewright.compiler.front.ops``. Passes fill the optional fields (intervals, planes);
``spikewright.compiler.front.verify`` checks a graph, ``spikewright.compiler.front.interpreter`` executes it, and
``spikewright.compiler.front.ir_json`` stores it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from spikewright.cost.description import Description
from spikewright.cost.description import Matrix as DescribedMatrix
from spikewright.cost.rom import parameter_bits
from spikewright.errors import PlainError
from spikewright.models.package import Package
from spikewright.models.package_schema import SCHEME_BITS, Scheme, WeightFormat

SCHEMA_VERSION = 1
Array = np.ndarray


class IRError(PlainError):
    """A graph is not valid; the text is one sentence."""


def need(condition: object, where: str, fault: str) -> None:
    """IRError, a sentence that names the place and the fault, unless the condition holds."""
    if not condition:
        raise IRError(f"{where}: {fault}")


def need_bias(where: str, bias: Array, channels: int, fraction_bits: int) -> None:
    """IRError unless a bias is int64 [channels] on a grid that is allowed."""
    need(bias.dtype == np.int64 and bias.shape == (channels,), where, f"bias is {bias.dtype} {bias.shape}")
    need(0 <= fraction_bits <= 20, where, f"{fraction_bits} fraction bits; allowed are 0 to 20")


def need_inside(where: str, quantity: str, numbers: Array, interval: Interval | None) -> None:
    """IRError where an interval is known and a number leaves it."""
    if interval is not None and numbers.size and not interval.contains(Interval.of(numbers)):
        raise IRError(f"{where}: {quantity} {Interval.of(numbers)} leaves its {interval}")


def wide(package: Package, name: str) -> Array:
    """A tensor of a package as int64."""
    return package.tensors[name].astype(np.int64)


@dataclass(frozen=True)
class Interval:
    """All integers from low to high, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise IRError(f"interval: low {self.low} is above high {self.high}")

    @classmethod
    def of(cls, values: Array) -> Interval:
        """The least interval that holds every element of a non-empty array."""
        return cls(int(values.min()), int(values.max()))

    def contains(self, other: Interval | int) -> bool:
        low, high = (other, other) if isinstance(other, int) else (other.low, other.high)
        return self.low <= low and high <= self.high

    def hull(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high))

    @property
    def signed(self) -> bool:
        """Whether it holds a negative integer."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Least width that holds it: two's complement if signed, else unsigned; at least 1."""
        if self.signed:
            return max((-self.low - 1).bit_length(), max(self.high, 0).bit_length()) + 1
        return max(self.high.bit_length(), 1)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Per-channel bounds, int64 [C] each."""

    low: Array
    high: Array

    @classmethod
    def alike(cls, interval: Interval, channels: int) -> Bounds:
        """The same interval for every channel."""
        return cls(np.full(channels, interval.low), np.full(channels, interval.high))

    @property
    def hull(self) -> Interval:
        """The least interval that holds all channels."""
        return Interval(int(self.low.min()), int(self.high.max()))

    def plus(self, other: Bounds) -> Bounds:
        """Of the sums of two terms."""
        return Bounds(self.low + other.low, self.high + other.high)

    def with_zero(self) -> Bounds:
        """The same, where any value may be absent."""
        return Bounds(np.minimum(self.low, 0), np.maximum(self.high, 0))


@dataclass(frozen=True)
class Value:
    """What an op makes: integers [steps, tokens, channels]; with a grid (height, width), token n = y * width + x.

    spikes: only 0 and 1; interval: holds every element; planes: bit-planes that hold every element, 0 where they are
    not planned yet; signed: the highest plane counts negative (two's complement).
    """

    name: str
    steps: int
    tokens: int
    channels: int
    grid: tuple[int, int] | None
    spikes: bool
    interval: Interval | None = None
    planes: int = 0
    signed: bool = False


@dataclass(frozen=True, eq=False)
class Weights:
    """Integer weights: codes int8 [out, in] or [out, in, 3, 3], |code| < 2**(bits-1)."""

    scheme: Scheme
    bits: int
    codes: Array

    @cached_property
    def values(self) -> Array:
        """Integer values of the codes, int64, same shape; not writable."""
        codes = self.codes.astype(np.int64)
        if self.scheme is Scheme.POT:
            magnitude = np.array([0, *(1 << e for e in range((1 << (self.bits - 1)) - 1))], dtype=np.int64)
            codes = np.sign(codes) * magnitude[np.abs(codes)]
        codes.setflags(write=False)
        return codes

    @classmethod
    def read(cls, package: Package, form: WeightFormat, name: str) -> Self:
        """The codes ``name.codes`` of a package."""
        return cls(form.scheme, form.bits, package.tensors[f"{name}.codes"].copy())

    def bounds(self, inputs: Bounds) -> Bounds:
        """Bounds of each output channel's integer sum, all partial sums included."""
        values = self.values.reshape(*self.values.shape[:2], -1)
        positive, negative = np.maximum(values, 0).sum(axis=2), np.minimum(values, 0).sum(axis=2)
        x = inputs.with_zero()
        return Bounds(positive @ x.low + negative @ x.high, positive @ x.high + negative @ x.low)

    def check(self, where: str, shape: tuple[int, ...]) -> None:
        """IRError unless scheme, bits and codes fit each other and the shape."""
        codes = self.codes
        need(isinstance(self.scheme, Scheme), where, f"scheme {self.scheme!r} is not a Scheme")
        allowed = SCHEME_BITS[self.scheme.value]
        need(self.bits in allowed, where, f"{self.scheme} weights of {self.bits} bits")
        need(codes.dtype == np.int8, where, f"codes have dtype {codes.dtype}; allowed is int8")
        need(codes.shape == shape, where, f"codes have shape {codes.shape}; allowed is {shape}")
        limit = (1 << self.bits - 1) - 1
        need(np.abs(codes.astype(np.int16)).max() <= limit, where, f"a code leaves -{limit}..{limit}")

    def described(self, fraction_bits: int, biases: Iterable[int], thresholds: Iterable[int] = ()) -> DescribedMatrix:
        """What the cost model is told of them; fraction_bits: of the grid on which biases and thresholds are."""
        outputs, inputs = self.codes.shape[:2]
        return DescribedMatrix(
            outputs, inputs, int(np.count_nonzero(self.codes)), self.codes[0, 0].size, self.scheme.value, self.bits,
            fraction_bits, parameter_bits(biases, thresholds),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """Weights of an op and what they meet.

    name: as reports call the layer; source: the value that is read, None for one inside the op; planes: of an input;
    fraction_bits: of the grid that the sum ends on.
    """

    name: str
    weights: Weights
    source: str | None
    planes: int
    fraction_bits: int


@dataclass(frozen=True, eq=False)
class Op(ABC):
    """What every op is to the front: read from a package, checked, executed, bounded, told to the cost model."""

    kind: ClassVar[str]
    #: Whether it may read the image.
    reads_image: ClassVar[bool] = False
    #: Whether a channel of its value comes from the same channel of its first input alone, without weights or neurons.
    by_channel: ClassVar[bool] = False
    name: str
    inputs: tuple[str, ...]

    @property
    def arity(self) -> int:
        """Values that it reads."""
        return 1

    @classmethod
    @abstractmethod
    def read(cls, package: Package, op: Any) -> Op:
        """The op of a package."""

    @abstractmethod
    def result(self, inputs: list[Value], steps: int) -> Value:
        """The value that it makes of these; IRError where fields or inputs do not fit."""

    @abstractmethod
    def execute(self, inputs: list[Array], graph: Graph) -> dict[str, Array]:
        """Its value, int64 [B, T, N, C], and whatever else an observer may see, by name.

        IRError where a number leaves an interval that the op gives for it.
        """

    @abstractmethod
    def bounded(self, inputs: list[Bounds], graph: Graph) -> tuple[Op, Bounds]:
        """A copy with its intervals filled in, and the bounds of its value."""

    @abstractmethod
    def describe(self, description: Description, graph: Graph) -> None:
        """Add it to what the cost model is told."""

    def weighted_sums(self, graph: Graph) -> tuple[WeightedSum, ...]:
        """Its weights, if it has some."""
        return ()

    def accumulators(self, graph: Graph) -> tuple[Interval, ...]:
        """What a lane's sum can be, once the intervals are known."""
        return ()


@dataclass(frozen=True, eq=False)
class ImageInput:
    """Bytes become codes through table, int16 [channels, 256].

    frames: each step has an image of its own.
    """

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    frames: bool
    table: Array

    def shape(self, steps: int) -> tuple[int, ...]:
        """Of an image's bytes: height, width, channels, with frames behind the steps."""
        still = (self.height, self.width, self.channels)
        return (steps, *still) if self.frames else still


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: ops in execution order, and every value by name.

    values: ``input`` (steps 1 without frames), every op's value, and the head's scores (steps 1, tokens 1, channels =
    classes; interval = scores, no planes).
    """

    name: str
    schema_version: int
    steps: int
    image: ImageInput
    ops: tuple[Op, ...]
    values: Mapping[str, Value]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def op(self, name: str) -> Op:
        """The op of that name; KeyError if there is none."""
        for op in self.ops:
            if op.name == name:
                return op
        raise KeyError(name)

    def with_ops(self, ops: Iterable[Op]) -> Graph:
        """A copy in which each given op replaces the one of its name."""
        new = {op.name: op for op in ops}
        return replace(self, ops=tuple(new.get(op.name, op) for op in self.ops))

    def with_values(self, values: Iterable[Value]) -> Graph:
        """A copy in which each given value replaces the one of its name."""
        return replace(self, values={**self.values, **{value.name: value for value in values}})
