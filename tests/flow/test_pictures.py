"""Images and spikes as digits."""

import numpy as np

from spikewright.flow.pictures import RASTER_COLUMNS, RASTER_ROWS, SIDE, picture, raster, shrunk


def test_grey_colour_and_events():
    assert picture(np.array([[[0], [255]]], np.uint8)) == ["000fff"]
    assert picture(np.array([[[255, 0, 17]]], np.uint8)) == ["f01"]
    frames = np.zeros((3, 1, 2, 2), np.uint8)
    frames[:, 0, 0, 0], frames[1, 0, 1, 1] = 1, 1
    assert picture(frames) == ["f00005"]


def test_large_images_become_small():
    rows = picture(np.full((224, 100, 3), 255, np.uint8))
    assert (len(rows), {len(row) for row in rows}) == (SIDE, {3 * SIDE})
    assert set("".join(rows)) == {"f"}


def test_means_of_neighbours():
    assert shrunk(np.arange(6.0), 0, 3).tolist() == [0.5, 2.5, 4.5]
    assert shrunk(np.arange(5.0), 0, 2).tolist() == [0.5, 3.0]
    assert shrunk(np.arange(3.0), 0, 3).tolist() == [0.0, 1.0, 2.0]


def test_a_single_spike_is_seen():
    spikes = np.zeros((4, 200, 300), np.int8)
    spikes[2, 199, 299] = 1
    columns, rows = raster(spikes)
    assert (len(rows), len(rows[0]), columns) == (RASTER_ROWS, RASTER_COLUMNS, RASTER_COLUMNS // 4)
    assert rows[-1][3 * columns - 1] == "1"
    assert sum(int(digit) for row in rows for digit in row) == 1


def test_every_step_has_as_many_columns():
    columns, rows = raster(np.ones((3, 5, 2), np.int8))
    assert columns == 5
    assert rows == ["9" * 15] * 2
