"""The event files of N-MNIST and N-Caltech101 (``.bin``), read and written.

An event is 40 bits: 8 of the column x, 8 of the row y from the top, one of polarity (set: ON), 23 of the time in µs.
An event with y = 240, below the sensor, is an overflow: it and all that follow are 2¹³ µs later than their bits say.
https://www.garrickorchard.com/datasets/n-caltech101; the overflow rule is that of the readers event-Python and tonic.
tonic's ``read_mnist_file`` checks nothing, so that its few lines of decoding would spare nothing of what is here.
"""

from pathlib import Path

import numpy as np

from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.events import Events
from spikewright.models.formats.files import read_bytes

SIZE = 5
OVERFLOW_ROW = 240
OVERFLOW_TIME = 1 << 13
_TIMES = 1 << 23
#: The last time that is written, 36 minutes: 261 120 overflows of five bytes lie before it.
LAST_TIME = (1 << 31) - 1


def read_nbin(path: Path | str, *, width: int, height: int) -> Events:
    """The events of one file.

    width, height: of the sensor, or of the part of one that was kept, in pixels. FormatError where the file is not what
    the format allows.
    """
    path = Path(path)
    data = read_bytes(path)
    if len(data) % SIZE:
        whole = len(data) - len(data) % SIZE
        raise FormatError.at(path, f"the event ends after {len(data) - whole} bytes; allowed are events of 5", whole)
    rows = np.frombuffer(data, np.uint8).reshape(-1, SIZE)
    x, y, high, middle, low = rows.T.astype(np.int64)
    overflow = y == OVERFLOW_ROW
    t = ((high & 0x7F) << 16 | middle << 8 | low) + np.cumsum(overflow) * OVERFLOW_TIME
    outside = np.flatnonzero(~overflow & ((x >= width) | (y >= height)))
    if outside.size:
        event = int(outside[0])
        fault = f"the event is at column {x[event]}, row {y[event]}; allowed are {width}×{height} pixels"
        raise FormatError.at(path, fault, event * SIZE)
    if overflow.all():
        raise FormatError.at(path, "the file ends without an event of a pixel; allowed is one or more", len(data))
    kept = ~overflow
    polarity = high[kept] >= 128
    return Events(t[kept], x[kept].astype(np.uint16), y[kept].astype(np.uint16), polarity, width, height)


def write_nbin(events: Events, path: Path | str) -> None:
    """Write events in the order they have, with the overflows that times above 23 bits need; equal events, equal bytes.

    ValueError where the format cannot hold them: no events, more than 256×240 pixels, a time that falls or lies
    above 2³¹−1 µs.
    """
    path = Path(path)
    if not len(events):
        raise ValueError("events must be one or more")
    if events.width > 256 or events.height > OVERFLOW_ROW:
        raise ValueError(f"events must be of 256×{OVERFLOW_ROW} pixels at most, not {events.width}×{events.height}")
    if events.t.max() > LAST_TIME or events.fall is not None:
        raise ValueError(f"the times of events must not fall and end at {LAST_TIME} µs at most")
    overflows = np.maximum(-((_TIMES - 1 - events.t) // OVERFLOW_TIME), 0)
    rows = np.zeros((len(events) + int(overflows[-1]), SIZE), np.uint8)
    rows[:, 1] = OVERFLOW_ROW
    t = events.t - overflows * OVERFLOW_TIME
    high = t >> 16 | events.polarity.astype(np.int64) << 7
    columns = (events.x, events.y, high, t >> 8 & 0xFF, t & 0xFF)
    rows[np.arange(len(events)) + overflows] = np.stack(columns, axis=1).astype(np.uint8)
    try:
        path.write_bytes(rows.tobytes())
    except OSError as error:
        raise FormatError.at(path, f"cannot be written: {error.strerror or error}") from None
