"""The events of an event camera, and their counts in frames."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

#: Channels of a frame.
OFF, ON = 0, 1
#: How a recording is cut into slices.
CUTS = ("time", "count")


@dataclass(frozen=True, eq=False)
class Events:
    """Changes of brightness, in the order of the file.

    t: in µs, int64; x, y: column from the left and row from the top, uint16; polarity: bool, ON (brighter) or OFF; all
    ``[n]``; width, height: of the sensor, in pixels. Recordings exist whose t falls now and then: see ``fall``.
    ValueError for arrays of other types, for pixels beside the sensor and for negative times.
    """

    t: NDArray[np.int64]
    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    polarity: NDArray[np.bool_]
    width: int
    height: int

    def __post_init__(self) -> None:
        kinds = {"t": np.int64, "x": np.uint16, "y": np.uint16, "polarity": np.bool_}
        for name, kind in kinds.items():
            array = getattr(self, name)
            if array.dtype != kind or array.shape != (len(self.t),):
                wanted = f"{np.dtype(kind)} [{len(self.t)}]"
                raise ValueError(f"{name} must be {wanted}, not {array.dtype} {list(array.shape)}")
        for name, limit in (("x", self.width), ("y", self.height)):
            if len(self) and getattr(self, name).max() >= limit:
                raise ValueError(f"{name} must be below {limit}, not {getattr(self, name).max()}")
        if len(self) and self.t.min() < 0:
            raise ValueError(f"t must not be negative, not {self.t.min()}")

    def __len__(self) -> int:
        return len(self.t)

    @property
    def fall(self) -> str | None:
        """The first event that lies before the one above it, in words; None where no time falls."""
        falls = np.flatnonzero(self.t[1:] < self.t[:-1])
        if not falls.size:
            return None
        event = int(falls[0]) + 1
        return f"event {event} is at {self.t[event]} µs, after one at {self.t[event - 1]} µs"

    def in_order(self) -> Self:
        """The events by time; those of one µs keep the order that they have."""
        return self._chosen(np.argsort(self.t, kind="stable"))

    def between(self, start: int, end: int) -> Self:
        """The events with start ≤ t < end, in µs."""
        return self._chosen((self.t >= start) & (self.t < end))

    def _chosen(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        return type(self)(self.t[which], self.x[which], self.y[which], self.polarity[which], self.width, self.height)


def frames_shape(width: int, height: int, steps: int, *, by: str, shrink: int) -> tuple[int, int, int, int]:
    """Shape of what ``to_frames`` returns; ValueError where an argument is not one of its."""
    if type(steps) is not int or steps < 1:
        raise ValueError(f"steps must be a whole number from 1, not {steps!r}")
    if by not in CUTS:
        raise ValueError(f"by must be one of {', '.join(CUTS)}, not {by!r}")
    if type(shrink) is not int or shrink < 1 or width % shrink or height % shrink:
        raise ValueError(f"shrink must divide {width} and {height}, not be {shrink!r}")
    return steps, height // shrink, width // shrink, 2


def to_frames(
    events: Events, steps: int, *, by: Literal["time", "count"] = "time", shrink: int = 1
) -> NDArray[np.uint8]:
    """Counts of events, uint8 ``[steps, H, W, 2]``, that stop at 255; channel 0 counts OFF, channel 1 ON.

    by: "time" cuts the span from the first to the last event, in µs and both included, into equal slices; slice k holds
    the events with ⌊(t − first) · steps / span⌋ = k. "count" puts event i of n into slice ⌊i · steps / n⌋, so that two
    slices differ by one event at most. shrink: a pixel of the frames counts a square of that many sensor pixels a side.
    No events give zeros. ValueError where a time falls: events are out of order, or the camera's clock was set back.
    """
    shape = frames_shape(events.width, events.height, steps, by=by, shrink=shrink)
    if not len(events):
        return np.zeros(shape, np.uint8)
    if (fall := events.fall) is not None:
        raise ValueError(f"events must be in order of time, but {fall}")
    if by == "time":
        first, last = int(events.t.min()), int(events.t.max())
        # the first µs of each slice, ⌈k · span / steps⌉, in Python's integers: long recordings overflow 64 bits
        starts = np.array([first - (-k * (last - first + 1) // steps) for k in range(steps)], np.int64)
        step = np.searchsorted(starts, events.t, side="right") - 1
    else:
        step = np.arange(len(events), dtype=np.int64) * steps // len(events)
    row, column = events.y.astype(np.int64) // shrink, events.x.astype(np.int64) // shrink
    cell = ((step * shape[1] + row) * shape[2] + column) * 2 + events.polarity
    counts = np.bincount(cell, minlength=int(np.prod(shape)))
    return np.minimum(counts, 255).astype(np.uint8).reshape(shape)
