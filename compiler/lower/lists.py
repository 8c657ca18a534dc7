"""Weight lists: the non-zero entries of each output, split over the banks, and the order of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikewright.compiler.front.neuron import HALF
from spikewright.compiler.lower.layout import Layout
from spikewright.cost.rom import Lists


@dataclass(frozen=True)
class Entry:
    """One stored weight: address offset of its input word, signed code. Code 0 names a residual word to capture.

    second: it is of the second value that the layer reads.
    """

    offset: int
    code: int
    second: bool = False

    @property
    def weight(self) -> bool:
        """Whether it is a weight of the layer's first value."""
        return self.code != 0 and not self.second


@dataclass(frozen=True)
class OutputSlot:
    """One output channel: its lists (one a bank), its neuron parameters and its place."""

    lists: tuple[tuple[Entry, ...], ...]
    bias: int
    threshold: int
    bank: int
    target: int
    leak: int = HALF
    enable: bool = True

    @staticmethod
    def nothing(banks: int) -> OutputSlot:
        """What an idle stream is given."""
        return OutputSlot(((),) * banks, 0, 0, 0, 0, enable=False)


def lengths(rows: Sequence[tuple[OutputSlot, ...]]) -> Lists:
    """Lengths of the lists of outputs that are side by side, stream by stream."""
    weights = [[sum(entry.weight for entry in entries) for out in row for entries in out.lists] for row in rows]
    total = [[len(entries) for out in row for entries in out.lists] for row in rows]
    joined = any(entry.second for row in rows for out in row for entries in out.lists for entry in entries)
    weight_counts = np.array(weights, dtype=np.int64)
    return Lists(weight_counts, np.array(total, dtype=np.int64) - weight_counts, joined)


def bank_lists(
    codes: np.ndarray, source: Layout, banks: int, *, second: bool = False
) -> list[list[list[Entry]]]:  # fmt: skip
    """Entries of a layer's weights: output → bank → entries, in address order.

    codes: int8 [out, in] or [out, in, 3, 3]; source: the input's; second: they are of the second value. Where every
    bank holds every channel, entries are dealt out evenly.
    """
    if codes.ndim == 2:
        codes = codes[:, :, None, None]
        taps = {(0, 0): 0}
    else:
        # relative to the corner of the window
        taps = {(y, x): (y * source.pitch_x + x) * source.planes for y in range(3) for x in range(3)}
    result: list[list[list[Entry]]] = []
    slots = source.placement.slots
    for row in codes:
        by_bank: list[list[Entry]] = [[] for _ in range(banks)]
        channels, ys, xs = np.nonzero(row)
        for i, (channel, y, x) in enumerate(zip(channels.tolist(), ys.tolist(), xs.tolist(), strict=True)):
            bank, bank_row = slots[channel]
            if source.replicated:
                bank = i % banks
            offset = bank_row * source.row_words + taps[(y, x)]
            by_bank[bank].append(Entry(offset, int(row[channel, y, x]), second))
        for entries in by_bank:
            entries.sort(key=lambda e: e.offset)
        result.append(by_bank)
    return result


def same_channel_lists(source: Layout, channels: int, banks: int) -> list[list[list[Entry]]]:
    """Entries that bring every channel to itself: one of code 1 an output."""
    slots = source.placement.slots
    return [
        [[Entry(slots[c][1] * source.row_words, 1)] if bank == slots[c][0] else [] for bank in range(banks)]
        for c in range(channels)
    ]


def together(*lists: list[list[list[Entry]]]) -> list[list[list[Entry]]]:
    """Lists of the same outputs as one: those of the first, then of the next."""
    return [[[entry for entries in by_bank for entry in entries] for by_bank in zip(*outputs, strict=True)]
            for outputs in zip(*lists, strict=True)]  # fmt: skip


def pair_outputs(outputs: list[OutputSlot], streams: int, banks: int) -> list[tuple[OutputSlot, ...]]:
    """Outputs side by side for the streams: never two of one bank, long lists with long ones where possible."""
    if streams == 1:
        return [(output,) for output in outputs]
    by_bank: dict[int, list[OutputSlot]] = {}
    for output in outputs:
        by_bank.setdefault(output.bank, []).append(output)
    for waiting in by_bank.values():
        waiting.sort(key=lambda o: -max(len(entries) for entries in o.lists))
    pairs: list[tuple[OutputSlot, ...]] = []
    while by_bank:
        # the two fullest banks give one each: leaves the fewest outputs without a partner
        chosen = sorted(by_bank, key=lambda b: (-len(by_bank[b]), b))[:2]
        pair = [by_bank[b].pop(0) for b in chosen]
        for b in chosen:
            if not by_bank[b]:
                del by_bank[b]
        pairs.append((pair[0], pair[1] if len(pair) == 2 else OutputSlot.nothing(banks)))
    return pairs
