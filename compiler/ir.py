"""The compiler's intermediate representation: small frozen dataclasses.

Semantics are those of docs/package.md. An op's result has the op's name. Passes fill the optional fields (intervals,
planes); `spikewright.compiler.verify` checks a graph, `spikewright.compiler.interpreter` executes it, and
`to_json` / `from_json` store it (`spikewright.compiler.ir_json`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from spikewright.models.package_schema import Compare, Reset, Scheme

__all__ = [
    "SCHEMA_VERSION",
    "Add",
    "Attention",
    "Compare",
    "Conv",
    "Graph",
    "Head",
    "IRError",
    "ImageInput",
    "Interval",
    "Linear",
    "Neuron",
    "Op",
    "Pool",
    "Reset",
    "Scheme",
    "Select",
    "Value",
    "Weights",
]

SCHEMA_VERSION = 1
Array = np.ndarray


class IRError(ValueError):
    """A graph is not valid; the text is one sentence."""


@dataclass(frozen=True)
class Interval:
    """All integers from low to high, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise IRError(f"interval: low {self.low} is above high {self.high}")

    @classmethod
    def of(cls, values: Array) -> "Interval":
        """The least interval that holds every element of a non-empty array."""
        return cls(int(values.min()), int(values.max()))

    def contains(self, other: "Interval | int") -> bool:
        low, high = (other, other) if isinstance(other, int) else (other.low, other.high)
        return self.low <= low and high <= self.high

    def hull(self, other: "Interval") -> "Interval":
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


@dataclass(frozen=True)
class Value:
    """What an op makes: integers [steps, tokens, channels]; with a grid (height, width), token n = y * width + x.

    `spikes`: only 0 and 1. `interval` holds every element. `planes` bit-planes (0: not planned yet) hold every
    element; if `signed`, the highest plane counts negative (two's complement).
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


@dataclass(frozen=True, eq=False)
class Neuron:
    """Neuron semantics; leak in sixteenths; threshold and bias int64 [C] on the grid 2**-fraction_bits weight LSBs."""

    leak: int
    reset: Reset
    compare: Compare
    fraction_bits: int
    threshold: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class _Op:
    kind: ClassVar[str]
    name: str
    inputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """Name of the value the op makes."""
        return self.name


@dataclass(frozen=True, eq=False)
class Conv(_Op):
    """3x3, stride 1, zero padding 1, then neurons; accumulator holds a, membrane holds u before and after reset."""

    kind: ClassVar[str] = "conv"
    weights: Weights
    neuron: Neuron
    accumulator: Interval | None = None
    membrane: Interval | None = None


@dataclass(frozen=True, eq=False)
class Pool(_Op):
    """OR of 3x3 windows, stride 2, padding 1."""

    kind: ClassVar[str] = "pool"


@dataclass(frozen=True, eq=False)
class Add(_Op):
    """inputs[0] + inputs[1]; the second is spikes."""

    kind: ClassVar[str] = "add"


@dataclass(frozen=True, eq=False)
class Linear(_Op):
    """Per token, then neurons; accumulator and membrane as in Conv."""

    kind: ClassVar[str] = "linear"
    weights: Weights
    neuron: Neuron
    accumulator: Interval | None = None
    membrane: Interval | None = None


@dataclass(frozen=True, eq=False)
class Attention(_Op):
    """inputs = (query, key, value), contiguous heads, then neurons."""

    kind: ClassVar[str] = "attention"
    heads: int
    neuron: Neuron
    accumulator: Interval | None = None
    membrane: Interval | None = None


@dataclass(frozen=True, eq=False)
class Select(_Op):
    """Token selector; hidden_accumulator holds the sums over steps a[n, j], score_accumulator holds z[n]."""

    kind: ClassVar[str] = "select"
    keep: int
    hidden: Weights
    hidden_bias: Array
    hidden_fraction_bits: int
    shift: int
    score: Weights
    score_bias: Array
    score_fraction_bits: int
    hidden_accumulator: Interval | None = None
    score_accumulator: Interval | None = None


@dataclass(frozen=True, eq=False)
class Head(_Op):
    """Classifier; accumulator holds a[t, n, c] (one token, one step), score the final score[c]."""

    kind: ClassVar[str] = "head"
    weights: Weights
    bias: Array
    fraction_bits: int
    accumulator: Interval | None = None
    score: Interval | None = None


Op = Conv | Pool | Add | Linear | Attention | Select | Head


@dataclass(frozen=True, eq=False)
class ImageInput:
    """Bytes [height, width, channels] become codes through table, int16 [channels, 256]."""

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    table: Array


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: ops in execution order, and every value by name.

    `values` has `input` (steps 1), every op's value, and the head's scores (steps 1, tokens 1, channels = classes;
    interval = scores, no planes).
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

    def with_(self, **changes: Any) -> "Graph":
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def with_ops(self, ops: Iterable[Op]) -> "Graph":
        """A copy in which each given op replaces the one of its name."""
        new = {op.name: op for op in ops}
        return replace(self, ops=tuple(new.get(op.name, op) for op in self.ops))

    def with_values(self, values: Iterable[Value]) -> "Graph":
        """A copy in which each given value replaces the one of its name."""
        return replace(self, values={**self.values, **{value.name: value for value in values}})

    def to_json(self) -> tuple[str, dict[str, Array]]:
        """JSON text (keys sorted) and the tensors beside it."""
        from .ir_json import dump

        return dump(self)

    @staticmethod
    def from_json(text: str, tensors: Mapping[str, Array]) -> "Graph":
        """The graph `to_json` wrote; IRError if the text is not one."""
        from .ir_json import load

        return load(text, tensors)
