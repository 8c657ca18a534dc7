"""Channel-to-bank placement: which bank holds which channel, so that every output's list is as even as can be.

A sum takes as long as the longest of its bank lists. The placement of a value's channels decides the lists
of every layer that reads it; channels are swapped between banks as long as that saves cycles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewright.compiler.lower.buffers import Placement

#: Swaps tried for each channel, and most of them in all.
TRIES_PER_CHANNEL = 60
MOST_TRIES = 12_000


@dataclass(frozen=True, eq=False)
class Reader:
    """A layer that reads the value: stored entries [outputs, channels], planes an entry, places, least cycles a sum."""

    entries: np.ndarray
    planes: int
    repeats: int
    gap: int


def place(channels: int, banks: int, readers: list[Reader], seed: int = 1) -> Placement:
    """A placement of ``channels`` with equally full banks; interleaved where there is nothing to gain.

    Deterministic for a seed. Work is bounded: ``MOST_TRIES`` swaps, each costs the outputs it touches.
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
    tries = min(MOST_TRIES, TRIES_PER_CHANNEL * channels)
    for a, b in rng.integers(channels, size=(tries, 2)):
        source, target = bank[a], bank[b]
        if source == target:
            continue
        difference = entries[a] - entries[b]
        rows = np.flatnonzero(difference)  # the outputs whose lists the swap changes
        moved = difference[rows]
        after = loads[:, rows]
        after[source] -= moved
        after[target] += moved
        new = np.maximum(after.max(axis=0) * scale[rows], gap[rows]) * repeats[rows]
        # where the longest list stays, evener lists are still the better start for the next swap: by their squares
        gain = int((cycles[rows] - new).sum())
        evener = int((moved.astype(np.int64) * (after[source] - after[target] + moved)).sum())
        if gain > 0 or (gain == 0 and evener > 0):
            loads[:, rows] = after
            cycles[rows] = new
            bank[a], bank[b] = target, source
    slots: list[tuple[int, int]] = []
    filled = [0] * banks
    for c in range(channels):
        slots.append((int(bank[c]), filled[bank[c]]))
        filled[bank[c]] += 1
    return Placement(tuple(slots))
