"""Lists of a shortcut by gains: entries of powers of two."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import Entry
from spikewright.cost.gains import digits


def gain_lists(gains: np.ndarray, source: Layout, banks: int) -> list[list[list[Entry]]]:
    """Entries that bring every channel of a second value to the output of its number, times a gain.

    gains: integers [channels]; source: how the value lies. Output → bank → entries.
    """
    lists: list[list[list[Entry]]] = []
    for channel, gain in enumerate(gains.tolist()):
        by_bank: list[list[Entry]] = [[] for _ in range(banks)]
        bank, row = source.placement.slots[channel]
        for number, code in enumerate(digits(gain)):
            # where every bank holds every channel, they are dealt out
            chosen = number % banks if source.replicated else bank
            by_bank[chosen].append(Entry(row * source.row_words, code, second=True))
        lists.append(by_bank)
    return lists
