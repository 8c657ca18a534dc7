"""Cycles of each kind of descriptor, exact with skipping off.

The constants are pipeline lengths of the units in ``hdl/``; every term is a count that compress and compiler both know.
A descriptor's cycles run from its start to the start of the next one. A *gap* is the least distance of two sums, a
*tail* what follows the last one: the LIF array and the write-back set both. Widths of weights and sums appear nowhere.
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

#: Words of one K^T V bank that the heads of one descriptor may fill (one head may take more).
PRODUCT_WORDS = 512
#: Channels of a head that the attention unit's pipeline needs.
LEAST_CHANNELS = 3
#: Bit-planes of a token selector's hidden values.
HIDDEN_PLANES = 8
#: Cycles of a step in an LIF array whose neurons have leaks of their own; else a step takes one.
LEAK_PACE = 2


def gather_cycles(words: int, *, first: bool) -> int:
    """Cycles from a descriptor's start until the next one, of ``words`` words, can start.

    first: it is an image's first; its start is counted two cycles later than that of any other.
    """
    return words if first else words + 2


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


def heads_together(heads: int, *, groups: int, rows: int, channels: int) -> int:
    """Heads of an attention op that one pair of descriptors takes: as many as fit the product memory."""
    return max(1, min(heads, PRODUCT_WORDS // (groups * max(channels, LEAST_CHANNELS) * rows)))


def compaction_taps(*, slots: int, keep: int, tokens: int) -> int:
    """Source words of each target word: of ``slots`` tokens ``keep`` move down, by at most as many distances."""
    return min(slots, tokens - keep + -(-tokens // slots))


def lif_cycles(steps: int, *, pace: int, fold_groups: int = 0, shift: int = 0) -> int:
    """Cycles that a sum is in the LIF array.

    pace: cycles of a step; fold_groups: step groups replayed from a folded sum, 0 without; shift: halvings behind the
    last step.
    """
    return pace * (steps * (steps * fold_groups if fold_groups else 1) + shift)


def spike_gap(lif: int, *, planes: int = 1) -> int:
    """Least cycles between two sums of a layer with neurons.

    lif: as ``lif_cycles`` says; planes: bit-planes written.
    """
    return max(lif, planes)


def spike_tail(lif: int, *, planes: int = 1) -> int:
    """Cycles behind the last sum of a layer with neurons; the silence bits follow the first plane.

    lif, planes: as in ``spike_gap``.
    """
    return lif + max(2, planes)


def hidden_gap(lif: int) -> int:
    """A selector's hidden layer: the membranes stand until all planes are written."""
    return max(lif, HIDDEN_PLANES) + 1


def hidden_tail(lif: int) -> int:
    """As ``hidden_gap``."""
    return lif + HIDDEN_PLANES


def score_gap(lif: int, tokens: int) -> int:
    """A layer whose sums leave one a token: the selector's scores and the head."""
    return lif + tokens


def score_tail(lif: int, tokens: int) -> int:
    """As ``score_gap``."""
    return lif + tokens - 1


def mac_walk(pairs: Sequence[int], repeats: int, gap: int) -> int:
    """Cycles of a MAC walk: output o takes ``max(gap, pairs[o], 1)`` cycles, ``repeats`` times, the first no gap."""
    total = sum(max(gap, count, 1) for count in pairs) * repeats
    return total - max(gap, pairs[0], 1) + max(pairs[0], 1)


def mac_overhead(*, banks: int, skip: bool, tail: int) -> int:
    """Cycles of a MAC descriptor beside its walk.

    tail: cycles of the last sum in LIF array and write-back.
    """
    tree = max(0, (-(-banks // 4) - 1).bit_length())
    return MAC_OVERHEAD + tree + (SKIP_OVERHEAD if skip else 0) + tail


def mac_cycles(pairs: Sequence[int], *, repeats: int, gap: int, banks: int, skip: bool, tail: int) -> int:
    """Cycles of a MAC descriptor.

    pairs: (entry, plane) pairs of the busiest walker, for each output; repeats: places of the loop nest; gap: least
    cycles between two sums; tail: as in ``mac_overhead``.
    """
    return mac_walk(pairs, repeats, gap) + mac_overhead(banks=banks, skip=skip, tail=tail)
