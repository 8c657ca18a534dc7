"""Pieces of a run follow from what an image takes: bytes on disk and in memory, and cycles."""

from dataclasses import replace

import pytest

from spikewright.compiler.trace_map import Home, TracedDescriptor, TracedShape, TraceMap
from spikewright.sim.accelerator.simulator import IMAGE_BYTES, image_memory
from spikewright.sim.accelerator.sizes import PIECE_BYTES, PIECE_CYCLES, bytes_of_image, images_of_a_piece

HOME = Home(0, 0, 1, 1, 1, 1, 1, 1, False, tuple((0, row) for row in range(8)))
SMALL = TraceMap(
    tokens=16, steps=4, banks=1, streams=1, bank_depth=64, image=(8, 8, 1), classes=10, score_words=1, score_shift=0,
    descriptors=(TracedDescriptor("MAC", "a", 1000),),
    shapes={"a": TracedShape(4, 64, 8, (8, 8), (4, 4))}, planes={"a": 1}, homes={"a": HOME}, words={},
)  # fmt: skip


def test_what_an_image_takes():
    values, words = 4 * 64 * 8, 4 * 8
    assert bytes_of_image(SMALL) == 64 * 64 + (32 + 9 * 8) * values + 4 * 2 * words * 16
    planes = replace(SMALL, homes={"a": replace(HOME, planes=3)})
    assert bytes_of_image(planes) - bytes_of_image(SMALL) == 4 * 2 * 2 * words * 16


@pytest.mark.parametrize("side", [8, 64, 512, 4096, 1 << 20])
def test_a_piece_takes_what_it_may(side):
    """Whatever the size of an image; one image is simulated in any case."""
    large = replace(SMALL, image=(side, side, 1), shapes={"a": TracedShape(4, side * side, 8, (side, side), (4, 4))})
    count = images_of_a_piece(large)
    assert count >= 1
    assert count == 1 or count * bytes_of_image(large) <= PIECE_BYTES
    assert (count + 1) * bytes_of_image(large) > PIECE_BYTES
    assert images_of_a_piece(replace(SMALL, descriptors=(TracedDescriptor("MAC", "a", PIECE_CYCLES),))) == 1


def test_the_simulator_holds_one_image_at_least():
    assert image_memory(1) == image_memory(IMAGE_BYTES) == IMAGE_BYTES
    assert image_memory(IMAGE_BYTES + 1) == 2 * IMAGE_BYTES
