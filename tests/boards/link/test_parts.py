"""The link's sender and image buffer, alone, with random stalls and the stream rules checked."""

from pathlib import Path

import pytest

from spikewright.boards.link.receiver import ImageBuffer
from spikewright.boards.link.sender import FrameSender
from spikewright.sim.verilator.bench import bench

BENCH = Path(__file__).with_name("parts_bench.py")


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("words", [1, 5])
def test_sender(words, stall, tmp_path):
    design = FrameSender(result_words=words, image_bytes=300, build_id=0x01020304)
    given = {"words": words, "image_bytes": 300, "build_id": 0x01020304, "stall": stall}
    bench(design, BENCH, cwd=tmp_path, testcase="sender", given=given)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("depth", [2, 7, 64])
def test_buffer(depth, stall, tmp_path):
    bench(ImageBuffer(depth=depth), BENCH, cwd=tmp_path, testcase="buffer", given={"depth": depth, "stall": stall})
