"""ROM bits of the weight streams: entries, counts, neuron parameters, padding. Exact, given the lists' lengths.

A list holds the non-zero weights of an output whose inputs lie in one bank; a (stream, bank) has its own ROM, in which
the lists of all layers follow one another. Every field has one width for all layers of a program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikewright.cost.rows import ROW_ENTRIES, entry_row
from spikewright.cost.shape import Shape, signed_bits

Counts = NDArray[np.int64]


def parameter_bits(biases: Iterable[int], thresholds: Iterable[int] = ()) -> int:
    """Bits of a field that holds each of these biases, signed, and each threshold with two bits to spare."""
    widths = [*(signed_bits(bias, bias) for bias in biases), *(t.bit_length() + 2 for t in thresholds)]
    return max(widths, default=1)


@dataclass(frozen=True)
class Widths:
    """Bits of the ROMs' fields.

    code: weight code, sign and magnitude, as wide as the widest layer's; offset: address of an entry's input word, from
    the layer's first; count: entries of one list; neuron: a neuron row of one stream; second: entries say which of two
    values they are of.
    """

    code: int
    offset: int
    count: int
    neuron: int
    second: bool = False

    @property
    def entry(self) -> int:
        """Bits of one weight entry."""
        return entry_row(offset_bits=self.offset, code_bits=self.code, second=self.second).bits

    @property
    def row(self) -> int:
        """Bits of one weight-ROM row."""
        return ROW_ENTRIES * self.entry


@dataclass(frozen=True, eq=False)
class Lists:
    """Lengths of a layer's lists, ``[rows, walkers]``: a row is what the streams compute at once, in program order.

    entries: weights; captures: words of the residual stream that the output's spikes are added to, or, where the layer
    is joined by a shortcut, entries of its second value.
    """

    entries: Counts
    captures: Counts
    joined: bool = False

    @property
    def weights(self) -> int:
        """Entries that are weights, of either value."""
        return int(self.entries.sum()) + (int(self.captures.sum()) if self.joined else 0)

    def pairs(self, planes: int, captured: int) -> Counts:
        """(entry, plane) pairs ``[rows, walkers]``: cycles of each walker at one place, skipping off."""
        return self.entries * planes + self.captures * captured

    def busiest(self, planes: int, captured: int) -> list[int]:
        """Pairs of the busiest walker of each row."""
        pairs: list[int] = self.pairs(planes, captured).max(axis=1).tolist()
        return pairs


@dataclass(frozen=True)
class RomBits:
    """Stored bits by use."""

    value: int
    index: int
    count: int
    padding: int
    neuron: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.value + self.index + self.count + self.padding + self.neuron


def rom_bits(lists: Sequence[Lists], neuron_rows: int, shape: Shape, widths: Widths) -> RomBits:
    """Weight storage of a program by use.

    lists: of every layer with weights; neuron_rows: rows of all layers, attention included. padding: captures, and the
    other half of each ROM's last row.
    """
    stored_entries = sum((item.entries + item.captures).sum(axis=0) for item in lists)
    rows = int((-(-np.asarray(stored_entries) // ROW_ENTRIES)).sum())
    entries = sum(item.weights for item in lists)
    return RomBits(
        value=entries * widths.code,
        index=entries * (widths.entry - widths.code),
        count=sum(len(item.entries) for item in lists) * shape.walkers * widths.count,
        padding=rows * widths.row - entries * widths.entry,
        neuron=neuron_rows * shape.streams * widths.neuron,
    )
