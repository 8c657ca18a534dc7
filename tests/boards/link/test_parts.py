"""The link's sender, image buffer and receiver, alone; with random stalls where they have streams, and their rules."""

from pathlib import Path

import pytest

from spikewright.boards.link.receiver import FrameReceiver, ImageBuffer
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
@pytest.mark.parametrize("depth", [1, 2, 7, 64])
def test_buffer(depth, stall, tmp_path):
    bench(ImageBuffer(depth=depth), BENCH, cwd=tmp_path, testcase="buffer", given={"depth": depth, "stall": stall})


@pytest.mark.parametrize(("image_bytes", "steps"), [(6, 3), (70_000, 1)])  # the larger one is more than a frame takes
def test_receiver(image_bytes, steps, tmp_path):
    design = FrameReceiver(image_bytes=image_bytes, timeout=1000)
    bench(design, BENCH, cwd=tmp_path, testcase="receiver", given={"image_bytes": image_bytes, "steps": steps})
