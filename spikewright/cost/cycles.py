"""Cycles of each kind of descriptor, exact with skipping off.

The constants are pipeline lengths of the units in ``hdl/``; every term is a count that compress and compiler both know.
A descriptor's cycles run from its start to the start of the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Cycles that a descriptor takes beside its walk: start, way through the unit's pipeline, end, next descriptor.
LOAD_OVERHEAD = 3
MOVE_OVERHEAD = 13
PRODUCT_OVERHEAD = 11
SELECT_OVERHEAD = 4
#: MAC: fetch, silence filter, issue, memory, lanes (but the tree above four banks), LIF array, write-back.
MAC_OVERHEAD = 24
SKIP_OVERHEAD = 2  # the silence look-up


def load_cycles(*, words: int, slots: int, planes: int) -> int:
    """Pixels into spike memory: ``words`` words, each gathered from ``slots`` pixels, ``planes`` bit-planes."""
    return words * (slots + planes + 2) + LOAD_OVERHEAD


def move_cycles(*, rows: int, tiles: int, groups: int, words: int, planes: int, taps: int) -> int:
    """Halo copy, pool or compaction: one tap a cycle."""
    return rows * tiles * groups * words * planes * taps + MOVE_OVERHEAD


def product_cycles(*, heads: int, groups: int, rows: int, tiles: int, channels: int) -> int:
    """K^T V of some heads: a row of keys against every value."""
    return heads * groups * rows * tiles * (channels + 1) + PRODUCT_OVERHEAD


def select_cycles(*, tokens: int, score_bits: int, entries: int) -> int:
    """Radix top-k over the scores, then the plan of the compaction."""
    return score_bits * (tokens + 5) + entries + tokens + 8 + SELECT_OVERHEAD


def mac_walk(pairs: Sequence[int], repeats: int, gap: int) -> int:
    """Cycles of a MAC walk: output o takes ``max(gap, pairs[o], 1)`` cycles, ``repeats`` times, the first no gap."""
    total = sum(max(gap, count, 1) for count in pairs) * repeats
    return total - max(gap, pairs[0], 1) + max(pairs[0], 1)


def mac_cycles(pairs: Sequence[int], *, repeats: int, gap: int, banks: int, skip: bool, tail: int) -> int:
    """A MAC descriptor.

    pairs: (entry, plane) pairs of the busiest walker, for each output; repeats: places of the loop nest;
    gap: least cycles between two sums; tail: cycles of the last sum in LIF array and write-back.
    """
    tree = max(0, (-(-banks // 4) - 1).bit_length())
    return mac_walk(pairs, repeats, gap) + MAC_OVERHEAD + tree + (SKIP_OVERHEAD if skip else 0) + tail
