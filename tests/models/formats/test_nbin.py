"""N-MNIST's and N-Caltech101's event files: exact events with overflows, written and read."""

from pathlib import Path

import numpy as np
import pytest
from format_files import Event, nbin, put, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.models.formats.events import Events
from spikewright.models.formats.nbin import LAST_TIME, read_nbin, write_nbin


def events(rows: list[Event], width: int = 34, height: int = 34) -> Events:
    t, x, y, polarity = np.array(rows, np.int64).reshape(-1, 4).T
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), polarity.astype(bool), width, height)


def rows_of(read: Events) -> list[Event]:
    columns = (read.t, read.x, read.y, read.polarity.astype(int))
    return [tuple(map(int, row)) for row in zip(*columns, strict=True)]  # type: ignore[misc]


def test_known_events(tmp_path: Path) -> None:
    path = put(tmp_path / "00001.bin", bytes.fromhex("0a0b812345 210000ffff"))
    read = read_nbin(path, width=34, height=34)
    assert rows_of(read) == [(0x012345, 10, 11, 1), (0x00FFFF, 33, 0, 0)]
    assert (read.t.dtype, read.x.dtype, read.width, read.height) == (np.int64, np.uint16, 34, 34)


def test_overflows_move_all_that_follows(tmp_path: Path) -> None:
    rows = [(5, 1, 1, 1), (9, 3, 240, 0), (5, 2, 2, 0), (0, 255, 240, 1), (0, 0, 240, 0), (7, 3, 3, 1)]
    path = put(tmp_path / "a.bin", nbin(rows))
    expected = [(5, 1, 1, 1), (5 + 8192, 2, 2, 0), (7 + 3 * 8192, 3, 3, 1)]
    assert rows_of(read_nbin(path, width=34, height=34)) == expected


TIMES = st.integers(0, 2**23 + 5 * 8192) | st.integers(2**23 - 3, 2**23 + 3) | st.sampled_from([0, 2**24])


@given(st.lists(st.tuples(TIMES, st.integers(0, 255), st.integers(0, 239), st.integers(0, 1)), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[Event]) -> None:
    path, rows = tmp_path_factory.getbasetemp() / "round_trip.bin", sorted(rows)
    write_nbin(events(rows, 256, 240), path)
    assert rows_of(read_nbin(path, width=256, height=240)) == rows
    if rows[-1][0] < 2**23:
        assert path.read_bytes() == nbin(rows)


def test_the_last_time_can_be_written(tmp_path: Path) -> None:
    write_nbin(events([(0, 1, 2, 1), (LAST_TIME, 3, 4, 0)]), tmp_path / "a.bin")
    assert rows_of(read_nbin(tmp_path / "a.bin", width=34, height=34)) == [(0, 1, 2, 1), (LAST_TIME, 3, 4, 0)]
    assert (tmp_path / "a.bin").stat().st_size == 5 * (2 + 261120)


@pytest.mark.parametrize("cut", range(1, 5))
def test_cut_files(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path / "a.bin", nbin([(1, 1, 1, 1)] * 3)[:-cut])
    refused(lambda: read_nbin(path, width=34, height=34), path, "byte 10:", f"after {5 - cut} bytes", "events of 5")


def test_files_without_events(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    refused(lambda: read_nbin(path, width=34, height=34), path, "No such file")
    refused(lambda: read_nbin(put(path, b""), width=34, height=34), path, "byte 0:", "without an event")
    only = put(path, nbin([(1, 0, 240, 0)] * 2))
    refused(lambda: read_nbin(only, width=34, height=34), path, "byte 10:", "without an event")


@pytest.mark.parametrize(("x", "y"), [(34, 0), (0, 34), (255, 239)])
def test_events_outside(tmp_path: Path, x: int, y: int) -> None:
    path = put(tmp_path / "a.bin", nbin([(1, 33, 33, 1), (2, 0, 240, 0), (2, x, y, 1), (3, 99, 99, 1)]))
    refused(lambda: read_nbin(path, width=34, height=34), path, "byte 10:", f"column {x}, row {y}", "34×34 pixels")
    assert len(read_nbin(path, width=256, height=240)) == 3


@pytest.mark.parametrize(
    ("rows", "size", "text"),
    [
        ([], (34, 34), "events must be one or more"),
        ([(0, 0, 0, 0)], (257, 10), "256×240 pixels at most, not 257×10"),
        ([(0, 0, 0, 0)], (10, 241), "256×240 pixels at most, not 10×241"),
        ([(5, 0, 0, 0), (4, 0, 0, 0)], (34, 34), "must not fall"),
        ([(2**31, 0, 0, 0)], (34, 34), "end at 2147483647 µs"),
    ],
)
def test_what_the_format_cannot_hold(tmp_path: Path, rows: list[Event], size: tuple[int, int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        write_nbin(events(rows, *size), tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.bin"
    refused(lambda: write_nbin(events([(0, 0, 0, 0)]), path), path, "cannot be written: No such file")
