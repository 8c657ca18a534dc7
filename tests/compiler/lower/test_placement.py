"""Placement of channels: every swap is judged as if all lists were counted anew."""

import numpy as np
import pytest

from spikewright.compiler.lower import placement
from spikewright.compiler.lower.layout import Placement
from spikewright.compiler.lower.placement import MOST_TRIES, TRIES_PER_CHANNEL, Reader, place


def judged(bank: list[int], banks: int, readers: list[Reader]) -> tuple[int, int]:
    """Cycles of all sums, and the squares of all lists."""
    cycles = squares = 0
    for reader in readers:
        for output in reader.entries:
            lists = [0] * banks
            for channel, entries in enumerate(output):
                lists[bank[channel]] += int(entries)
            cycles += max(max(lists) * reader.planes, reader.gap) * reader.repeats
            squares += sum(length**2 for length in lists)
    return cycles, squares


@pytest.mark.parametrize("seed", range(6))
def test_a_swap_is_taken_where_it_saves_cycles_or_evens_the_lists(seed, monkeypatch):
    if seed % 2:
        monkeypatch.setattr(placement, "BLOCK", 100)
    rng = np.random.default_rng(seed)
    channels, banks = int(rng.integers(9, 13)), int(rng.choice([2, 3, 4]))
    readers = [
        Reader(rng.integers(0, 4, (6, channels)) * (rng.random((6, channels)) < 0.6), planes, repeats, gap)
        for planes, repeats, gap in rng.integers(1, 9, (2, 3)).tolist()
    ]
    bank = [b for b, _ in Placement.interleaved(channels, banks).slots]
    first = best = judged(bank, banks, readers)
    tries = min(MOST_TRIES, TRIES_PER_CHANNEL * channels)
    for a, b in np.random.default_rng(1).integers(channels, size=(tries, 2)):
        swapped = bank.copy()
        swapped[a], swapped[b] = bank[b], bank[a]
        if (now := judged(swapped, banks, readers)) < best:
            bank, best = swapped, now
    assert [b for b, _ in place(channels, banks, readers).slots] == bank
    assert best < first
