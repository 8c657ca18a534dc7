"""The link around a small accelerator: good frames, every kind of bad one, and never a hang."""

import importlib.util
from pathlib import Path

import pytest

from spikewright.boards.link.link import Link, LinkedAccelerator
from spikewright.sim.verilator.bench import bench

HERE = Path(__file__).parent
BENCH = HERE / "link_bench.py"
QUICK = [
    "good_frames",
    "bad_crc_never_reaches_the_accelerator",
    "truncated_frames_time_out",
    "wrong_length_and_unknown_type",
    "garbage_between_frames_is_skipped",
    "a_lying_length_ends_in_a_time_out",
    "back_to_back_images",
    "images_in_parts",
    "random_noise_never_hangs_it",
]


def dummy(**parameters):
    spec = importlib.util.spec_from_file_location("dummy_accelerator", HERE / "dummy_accelerator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DummyAccelerator(**parameters)


def run(tmp_path, delay, testcase):
    link = {"image_bytes": 12, "result_words": 3, "build_id": 0xDEADBEEF, "divisor": 8, "timeout_bits": 40}
    design = LinkedAccelerator(dummy(image_bytes=12, delay=delay), **link)
    return bench(design, BENCH, cwd=tmp_path, testcase=testcase, given={**link, "delay": delay})


def test_frames(tmp_path):
    assert set(run(tmp_path, 0, QUICK).passed) == set(QUICK)


def test_busy(tmp_path):
    run(tmp_path, 12000, "busy_when_the_accelerator_is_slow")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_bytes": 0}, r"image_bytes must be from 1 to 2\^32 - 1.*not 0"),
        ({"image_bytes": 1 << 32}, r"image_bytes must be from 1 to 2\^32 - 1.*not 4294967296"),
        ({"result_words": 16384}, "result_words must be 1…16383.*not 16384"),
        ({"build_id": -1}, "build_id must be an unsigned 32-bit number, not -1"),
        ({"timeout_bits": 0}, "timeout must be an integer of at least 1 cycle, not 0"),
        ({"divisor": 3}, "divisor must be an integer of at least 8, not 3"),
    ],
)
def test_arguments(changed, message):
    good = {"image_bytes": 12, "result_words": 3, "build_id": 1, "divisor": 8, "timeout_bits": 40}
    with pytest.raises(ValueError, match=message):
        Link(**{**good, **changed})
