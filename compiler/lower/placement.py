"""Channel-to-bank placement: which bank holds which channel, so that every output's list is as even as can be.

A sum takes as long as the longest of its bank lists. The placement of a value's channels decides the lists
of every layer that reads it; channels are swapped between banks as long as that saves cycles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewright.compiler.lower.layout import Placement

#: Swaps tried for each channel, and most of them in all.
TRIES_PER_CHANNEL = 60
MOST_TRIES = 12_000
#: Most list lengths that are looked at together: bounds the memory, and what a swap makes vain.
BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Reader:
    """A layer that reads the value: stored entries [outputs, channels], planes an entry, places, least cycles a sum."""

    entries: np.ndarray
    planes: int
    repeats: int
    gap: int


def place(channels: int, banks: int, readers: list[Reader], seed: int = 1) -> Placement:
    """A placement of ``channels`` with equally full banks; interleaved where there is nothing to gain.

    Deterministic for a seed. Work is bounded: ``MOST_TRIES`` swaps, each costs the outputs of all readers.
    """
    start = Placement.interleaved(channels, banks)
    if banks == 1 or not readers:
        return start
    entries = np.concatenate([reader.entries for reader in readers]).T.astype(np.int32, order="C")
    scale = np.concatenate([np.full(len(r.entries), r.planes, np.int32) for r in readers])
    repeats = np.concatenate([np.full(len(r.entries), r.repeats, np.int64) for r in readers])
    gap = np.concatenate([np.full(len(r.entries), r.gap, np.int32) for r in readers])
    bank = np.array([b for b, _ in start.slots])
    loads = np.stack([entries[bank == b].sum(axis=0) for b in range(banks)])
    cycles = np.maximum(loads.max(axis=0) * scale, gap) * repeats
    rng = np.random.default_rng(seed)
    pairs = rng.integers(channels, size=(min(MOST_TRIES, TRIES_PER_CHANNEL * channels), 2))
    # few swaps are taken: a block of tries is judged at once, and what comes after a swap that is taken, anew
    most = max(1, BLOCK // loads.size)
    at, block = 0, min(most, 8)
    while at < len(pairs):
        a, b = pairs[at : at + block].T
        source, target, each = bank[a], bank[b], np.arange(len(a))
        moved = entries[a] - entries[b]
        after = np.repeat(loads[None], len(a), axis=0)
        after[each, source] -= moved
        after[each, target] += moved
        new = np.maximum(after.max(axis=1) * scale, gap) * repeats
        # where the longest list stays, evener lists are still the better start for the next swap: by their squares
        gain = (cycles - new).sum(axis=1)
        evener = (moved.astype(np.int64) * (after[each, source] - after[each, target] + moved)).sum(axis=1)
        taken = np.flatnonzero((source != target) & ((gain > 0) | ((gain == 0) & (evener > 0))))
        if len(taken) == 0:
            at, block = at + len(a), min(most, 2 * block)
            continue
        i = taken[0]
        loads, cycles = after[i], new[i]
        bank[a[i]], bank[b[i]] = target[i], source[i]
        at, block = at + int(i) + 1, max(1, block // 2)
    slots: list[tuple[int, int]] = []
    filled = [0] * banks
    for c in range(channels):
        slots.append((int(bank[c]), filled[bank[c]]))
        filled[bank[c]] += 1
    return Placement(tuple(slots))
