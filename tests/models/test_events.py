"""The event camera: thresholds, polarities, times; and the digits that it looks at."""

from pathlib import Path

import numpy as np
import pytest

from spikewright.models.data import augment
from spikewright.models.data.digits import native_digits
from spikewright.models.data.event_camera import Camera, moved, record
from spikewright.models.data.event_digits import SENSOR, digit_events
from spikewright.models.formats.events import to_frames
from spikewright.models.formats.nbin import read_nbin, write_nbin


def square() -> np.ndarray:
    picture = np.zeros((1, 16, 16), np.uint8)
    picture[:, 5:10, 5:10] = 255
    return picture


def test_the_path_is_three_saccades_and_comes_home() -> None:
    path = Camera().path()
    assert len(path) == 76
    assert np.allclose(path[[0, -1]], 0)
    assert np.abs(path).max() == 4.0
    corners = np.abs(np.diff(np.diff(path, axis=0), axis=0)).sum(1) > 1e-9
    assert corners.sum() == 2


def test_moving_by_whole_pixels_moves_and_by_half_averages() -> None:
    light = square().astype(np.float32)
    assert np.array_equal(moved(light, 2, -3), np.roll(light, (2, -3), axis=(1, 2)))
    half = moved(light, 0, 0.5)
    assert half[0, 5, 4] == 0
    assert half[0, 5, 5] == 127.5
    assert half[0, 5, 10] == 127.5


def test_events_account_for_the_change_of_log_intensity() -> None:
    camera = Camera(mismatch=0.0)
    events = record(square(), camera)[0]
    assert (np.diff(events.t) >= 0).all()
    assert events.t[0] >= 0
    assert events.t[-1] < 3 * camera.saccade_us
    # what a pixel saw at the end is what its events say, to within a threshold
    total = np.zeros((16, 16))
    np.add.at(total, (events.y, events.x), np.where(events.polarity, 1, -1) * camera.threshold)
    light = square().astype(np.float32) / 255 * (1 - camera.floor)
    change = np.log(camera.floor + moved(light, *camera.path()[-1])) - np.log(camera.floor + light)
    assert np.abs(total - change[0]).max() < camera.threshold
    # an edge is crossed at most by the whole contrast
    count = np.zeros((16, 16), int)
    np.add.at(count, (events.y, events.x), 1)
    assert count.max() > np.log(1 / camera.floor) / camera.threshold - 1


def test_a_higher_threshold_gives_fewer_events_and_a_still_picture_none() -> None:
    counts = [len(record(square(), Camera(threshold=c))[0]) for c in (0.1, 0.2, 0.4)]
    assert counts[0] > counts[1] > counts[2] > 0
    black = np.zeros((1, 16, 16), np.uint8)
    assert len(record(np.concatenate([black, square()]))[0]) == 0
    assert len(record(black)[0]) == 0


@pytest.mark.parametrize("reach", [0.0, 0.5, 2.0, 4.0, -3.3])
def test_what_is_lit_anywhere_gives_the_events_that_it_gives_in_a_wider_picture(reach: float) -> None:
    rng, camera = np.random.default_rng(1), Camera(mismatch=0.0, reach=reach, step_us=20_000)
    for height, width in rng.integers(1, 12, (20, 2)):
        picture = np.where(rng.random((1, height, width)) < 0.1, rng.integers(1, 256, (1, height, width)), 0)
        wide = np.pad(picture, ((0, 0), (6, 6), (6, 6)), constant_values=0)
        wide[:, 0, 0] = wide[:, -1, -1] = 255  # the whole of it counts
        here, there = (record(pictures.astype(np.uint8), camera)[0] for pictures in (picture, wide))
        x, y = there.x.astype(int) - 6, there.y.astype(int) - 6
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        for mine, theirs in ((here.x, x), (here.y, y), (here.t, there.t), (here.polarity, there.polarity)):
            assert np.array_equal(mine, theirs[inside])


def test_all_pictures_are_seen_by_one_sensor() -> None:
    """Pixels differ, ON from OFF as well, but a pixel is the same in every recording."""
    spread = Camera(threshold=0.2, mismatch=0.1).thresholds(64, 64) / 0.2
    assert spread.std() == pytest.approx(0.1, rel=0.05)
    assert not np.array_equal(spread[0], spread[1])
    both = record(np.concatenate([square(), square()]))
    assert np.array_equal(both[0].t, both[1].t)
    assert np.array_equal(both[0].x, record(square())[0].x)
    assert not np.array_equal(both[0].t, record(square(), Camera(sensor=1))[0].t)


def test_event_digits_survive_the_format(tmp_path: Path) -> None:
    events = digit_events(0)[3]
    assert (events.width, events.height) == (SENSOR, SENSOR)
    assert len(events) > 1000
    write_nbin(events, tmp_path / "e.bin")
    again = read_nbin(tmp_path / "e.bin", width=SENSOR, height=SENSOR)
    for name in ("t", "x", "y", "polarity"):
        assert np.array_equal(getattr(events, name), getattr(again, name))
    frames = to_frames(again, 8)
    assert frames.shape == (8, SENSOR, SENSOR, 2)
    assert (frames.sum((1, 2, 3)) > 0).all()
    # the digit is where the events are
    assert frames[:, :8].sum() == 0
    assert native_digits()[1][3] == 3


def test_shifted_frames_keep_their_counts() -> None:
    frames = np.zeros((2, 3, 8, 8, 2), np.uint8)
    frames[:, 1, 4, 4, 0] = 7
    shifted = augment.moved(frames, np.random.default_rng(0), 2)
    assert (shifted.sum((1, 2, 3, 4)) == 7).all()
    assert (shifted[:, [0, 2]] == 0).all()
