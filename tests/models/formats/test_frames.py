"""Events and their counts in frames, against counting one event after the other."""

from typing import Literal

import numpy as np
import pytest
from format_files import Event
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.models.formats.events import OFF, ON, Events, to_frames


def events(rows: list[Event], width: int = 4, height: int = 6) -> Events:
    t, x, y, polarity = np.array(rows, np.int64).reshape(-1, 4).T
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), polarity.astype(bool), width, height)


def counted(rows: list[Event], steps: int, by: str, shrink: int) -> np.ndarray:
    """The definition in the docstring of `to_frames`, in Python's integers."""
    frames = np.zeros((steps, 6 // shrink, 4 // shrink, 2), int)
    first = min((row[0] for row in rows), default=0)
    span = max((row[0] for row in rows), default=0) - first + 1
    for i, (t, x, y, polarity) in enumerate(rows):
        k = (t - first) * steps // span if by == "time" else i * steps // len(rows)
        frames[k, y // shrink, x // shrink, polarity] += 1
    return np.minimum(frames, 255)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2**61), st.integers(0, 3), st.integers(0, 5), st.integers(0, 1))
        | st.tuples(st.integers(50, 60), st.integers(0, 3), st.integers(0, 5), st.integers(0, 1)),
        max_size=30,
    ),
    steps=st.integers(1, 20),
    by=st.sampled_from(["time", "count"]),
    shrink=st.sampled_from([1, 2]),
)
@settings(max_examples=200, deadline=None)
def test_frames_are_the_counts(rows: list[Event], steps: int, by: str, shrink: int) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    frames = to_frames(events(rows), steps, by=by, shrink=shrink)  # type: ignore[arg-type]
    assert frames.dtype == np.uint8
    assert np.array_equal(frames, counted(rows, steps, by, shrink))


def test_slices_of_time_and_of_count() -> None:
    rows = [(100, 0, 0, 1), (101, 0, 0, 1), (102, 0, 0, 0), (103, 1, 2, 0), (199, 3, 5, 1)]
    by_time = to_frames(events(rows), 2)
    assert by_time[0, 0, 0].tolist() == [1, 2]
    assert by_time[0, 2, 1].tolist() == [1, 0]
    assert by_time[1].sum() == by_time[1, 5, 3, ON] == 1
    by_count = to_frames(events(rows), 2, by="count")
    assert by_count.reshape(2, -1).sum(1).tolist() == [3, 2]
    assert (OFF, ON) == (0, 1)


def test_counts_stop_at_255() -> None:
    rows = [(0, 2, 1, 1)] * 255 + [(t, 1, 1, 0) for t in range(300)]
    frames = to_frames(events(rows), 1)
    assert frames[0, 1, 1, OFF] == 255
    assert frames[0, 1, 2, ON] == 255


def test_no_events_give_zeros() -> None:
    assert not to_frames(events([]), 3).any()
    assert to_frames(events([]), 3, shrink=2).shape == (3, 3, 2, 2)


def test_frames_need_events_in_order() -> None:
    rows = [(5, 0, 0, 1), (9, 1, 1, 0), (7, 2, 2, 1), (7, 3, 3, 1)]
    cuts: tuple[Literal["time", "count"], ...] = ("time", "count")
    for by in cuts:
        with pytest.raises(ValueError, match="in order of time, but event 2 is at 7 µs, after one at 9 µs"):
            to_frames(events(rows), 2, by=by)
    in_order = events(rows).in_order()
    assert in_order.fall is None
    assert in_order.x.tolist() == [0, 2, 3, 1]
    assert np.array_equal(to_frames(in_order, 2), to_frames(events(sorted(rows, key=lambda row: row[0])), 2))


def test_between_is_half_open() -> None:
    cut = events([(5, 0, 0, 1), (9, 1, 1, 0), (7, 2, 2, 1), (10, 3, 3, 1)]).between(5, 10)
    assert cut.t.tolist() == [5, 9, 7]
    assert cut.x.tolist() == [0, 1, 2]
    assert cut.polarity.tolist() == [True, False, True]
    assert (cut.width, cut.height, len(cut)) == (4, 6, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"steps": 0}, "steps must be a whole number from 1, not 0"),
        ({"steps": 2.0}, "steps must be a whole number from 1, not 2.0"),
        ({"steps": 2, "by": "number"}, "by must be one of time, count, not 'number'"),
        ({"steps": 2, "shrink": 4}, "shrink must divide 4 and 6, not be 4"),
        ({"steps": 2, "shrink": 0}, "shrink must divide 4 and 6, not be 0"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        to_frames(events([(0, 0, 0, 0)]), **arguments)  # type: ignore[arg-type]


def test_events_are_checked() -> None:
    good = events([(0, 3, 5, 1)])
    with pytest.raises(ValueError, match="x must be below 3, not 3"):
        Events(good.t, good.x, good.y, good.polarity, 3, 6)
    with pytest.raises(ValueError, match="y must be below 5, not 5"):
        Events(good.t, good.x, good.y, good.polarity, 4, 5)
    with pytest.raises(ValueError, match=r"x must be uint16 \[1\], not int64 \[1\]"):
        Events(good.t, good.t, good.y, good.polarity, 4, 6)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"y must be uint16 \[1\], not uint16 \[0\]"):
        Events(good.t, good.x, good.y[:0], good.polarity, 4, 6)
    with pytest.raises(ValueError, match="t must not be negative, not -1"):
        Events(good.t - 1, good.x, good.y, good.polarity, 4, 6)
