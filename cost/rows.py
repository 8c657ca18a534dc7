"""Rows of ROMs and tables: their fields, lowest first, and how wide each is.

The one description of them: the compiler packs by it, the hardware reads by it, and costs count it. A row is made from
the widths that it needs alone, because training counts rows before there is a structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikewright.cost.shape import bits_for

#: Of a leak m/16, with m from 0 to 16.
LEAK_BITS = 5
#: Weight entries in one ROM row: the silence filter looks at two entries a cycle.
ROW_ENTRIES = 2


@dataclass(frozen=True)
class Field:
    """A field of a row.

    wraps: an address, which counts modulo its range.
    """

    name: str
    bits: int
    signed: bool = False
    wraps: bool = False

    def pack(self, value: int) -> int:
        """The bits of a value; ``ValueError`` where it does not fit."""
        low, high = (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)
        if not self.wraps and not low <= value <= high:
            raise ValueError(f"{self.name} = {value} does not fit {self.bits} bits")
        return value & ((1 << self.bits) - 1)


@dataclass(frozen=True)
class Row:
    """Fields side by side, the first in the lowest bits."""

    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        return sum(field.bits for field in self.fields)

    def pack(self, values: Mapping[str, int]) -> int:
        """The row of these values, all fields named; ``ValueError`` where one does not fit."""
        row, position = 0, 0
        for field in self.fields:
            row |= field.pack(values[field.name]) << position
            position += field.bits
        return row

    def unpack(self, rows: Sequence[int], position: int = 0) -> dict[str, NDArray[np.int64]]:
        """Values of all rows by field; position: bits below the first field."""
        narrow = max(rows, default=0) < 1 << 64
        words = np.array(rows, dtype=np.uint64 if narrow else object)
        values = {}
        for field in self.fields:
            kind = np.uint64 if narrow else int
            value = (words >> kind(position) & kind((1 << field.bits) - 1)).astype(np.int64)
            values[field.name] = value - (value >> field.bits - 1 << field.bits) if field.signed else value
            position += field.bits
        return values


def side_by_side(rows: Iterable[int], bits: int) -> int:
    """Rows of ``bits`` each as one, the first in the lowest bits."""
    return sum(row << (number * bits) for number, row in enumerate(rows))


def packed_code(code: int, code_bits: int) -> int:
    """A signed weight code as the entry holds it: magnitude, the sign in the top bit."""
    return abs(code) | (int(code < 0) << code_bits - 1)


def entry_row(*, offset_bits: int, code_bits: int, second: bool) -> Row:
    """One weight entry; a row of a weight ROM is ``ROW_ENTRIES`` of them.

    offset: address of its input word from the first of the value; code: magnitude, sign on top. Code 0 is no weight: it
    names a word of the residual stream to capture. second: entries may be of a second value, and have a bit for it.
    """
    return Row((Field("offset", offset_bits), Field("code", code_bits), *((Field("second", 1),) if second else ())))


def neuron_row(*, parameter_bits: int, address_bits: int, banks: int, leaks: bool) -> Row:
    """Parameters of one output and where it goes; a row of the neuron ROM is one of each stream.

    leaks: neurons have leaks of their own.
    """
    return Row(
        (
            *((Field("leak", LEAK_BITS),) if leaks else ()),  # in sixteenths
            Field("bias", parameter_bits, signed=True),
            Field("threshold", parameter_bits, signed=True),
            Field("target", address_bits),  # first word of the channel in its bank
            Field("bank", bits_for(banks - 1)),
            Field("enable", 1),  # 0: the stream has no output here
        )
    )


def count_row(*, count_bits: int) -> Row:
    """Entries of one walker's list; a row of the count ROM is one of each walker."""
    return Row((Field("entries", count_bits),))


def tap_row(*, address_bits: int, lanes: int, mask_depth: int) -> Row:
    """One tap of the mover: a source word, turned by ``rotate`` lanes, masked, OR-ed into a target word."""
    return Row(
        (
            Field("source", address_bits, wraps=True),
            Field("target", address_bits, wraps=True),
            Field("rotate", bits_for(lanes - 1)),
            Field("mask", bits_for(mask_depth - 1)),
        )
    )
