"""Which cells the grids of a network get, and how values move between cells."""

from collections import Counter
from itertools import product

import pytest

from spikewright.cost.cells import in_full_words, on_the_smallest
from spikewright.cost.geometry import Lies, gather

#: Grids of a VGG on 32 by 32 pixels.
VGG = [(32 >> i, 32 >> i) for i in range(6)]


def test_full_words_where_there_can_be_some() -> None:
    assert on_the_smallest(VGG) == dict.fromkeys(VGG, (1, 1))
    assert in_full_words(VGG, 16) == dict.fromkeys(VGG[:4], (4, 4)) | {(2, 2): (2, 2), (1, 1): (1, 1)}
    assert in_full_words(VGG, 32) == dict.fromkeys(VGG[:3], (8, 8)) | {grid: grid for grid in VGG[3:]}
    assert in_full_words([(8, 8), (4, 4)], 16) == on_the_smallest([(8, 8), (4, 4)])
    assert in_full_words([(6, 6), (3, 3)], 8) == {(6, 6): (6, 6), (3, 3): (3, 3)}


@pytest.mark.parametrize(
    ("come", "go", "slots"),
    [
        (Lies((4, 6), (2, 3)), Lies((4, 6), (4, 6)), 5),
        (Lies((4, 6), (4, 6)), Lies((4, 6), (2, 3)), 8),
        (Lies((4, 6), (1, 1)), Lies((4, 6), (4, 2)), 3),
    ],
)
def test_every_position_moves_once(come: Lies, go: Lies, slots: int) -> None:
    arrived: Counter[tuple[int, int]] = Counter()
    for word in gather(come, go, slots):
        for tap in word.taps:
            for q in range(slots):
                if tap.slots >> q & 1:
                    target = position(go, word.tile * slots + q, word.inner)
                    assert position(come, tap.tile * slots + (q + tap.turn) % slots, tap.inner) == target
                    arrived[target] += 1
    assert arrived == Counter(product(range(4), range(6)))


@pytest.mark.parametrize(("pool", "most"), [("or", 9), ("count", 4)])
def test_windows_of_a_pool(pool: str, most: int) -> None:
    words = gather(Lies((4, 4), (4, 4)), Lies((2, 2), (2, 2)), 4, pool)
    reads = Counter(q for word in words for tap in word.taps for q in range(4) if tap.slots >> q & 1)
    inside = {0: 4, 1: 6, 2: 6, 3: 9} if pool == "or" else dict.fromkeys(range(4), most)
    assert reads == inside


def position(lies: Lies, slot: int, inner: tuple[int, int]) -> tuple[int, int]:
    row, column = divmod(slot, lies.cells[1])
    return row * lies.tile[0] + inner[0], column * lies.tile[1] + inner[1]
