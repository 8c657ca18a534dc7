"""Tiny files in the published formats; the layouts are written out here and not taken from the readers."""

import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spikewright.models.formats.errors import FormatError

#: An event as the tests write it: time in µs, column and row from the upper left corner, polarity (1: brighter).
Event = tuple[int, int, int, int]


def put(path: Path, content: bytes) -> Path:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(read: Callable[[], object], *parts: object) -> str:
    """The text of the FormatError of `read()`: one line that holds all `parts`."""
    with pytest.raises(FormatError) as caught:
        read()
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text, text
    return text


def cifar_record(labels: Sequence[int], image: NDArray[np.uint8]) -> bytes:
    """One record of the binary version: the labels, then the red, the green and the blue plane, row by row."""
    assert image.shape == (32, 32, 3)
    planes = [image[:, :, c].tobytes(order="C") for c in range(3)]
    return bytes(labels) + b"".join(planes)


def put_image(path: Path, pixels: NDArray[np.uint8], **options: object) -> Path:
    """An image file of ``[H, W]`` or ``[H, W, 3]``, in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="JPEG" if path.suffix == ".JPEG" else None, **options)
    return path


AEDAT2_HEADER = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# Timestamps tick is 1 us\r\n"
AEDAT31_HEADER = b"\r\n".join(
    [b"#!AER-DAT3.1", b"#Format: RAW", b"#Source 1: DVS128", b"#Start-Time: 2016-04-01 12:00:00", b"#!END-HEADER", b""]
)


def aedat2(events: Iterable[Event], header: bytes = AEDAT2_HEADER) -> bytes:
    """A recording of CIFAR10-DVS: a row of the image is a column of the sensor, and the other way round."""
    body = b""
    for t, x, y, polarity in events:
        sensor_row, sensor_column = 127 - x, 127 - y
        body += struct.pack(">II", sensor_row * 256 + sensor_column * 2 + (1 - polarity), t)
    return header + body


def packet(
    events: Sequence[Event], overflow: int = 0, valid: Sequence[int] | None = None, capacity: int | None = None
) -> bytes:
    """A packet of polarity events: type, source, size, place of the time, overflow, capacity, number, valid ones."""
    valid = valid or [1] * len(events)
    number = len(events)
    head = struct.pack("<HHiiiiii", 1, 1, 8, 4, overflow, number if capacity is None else capacity, number, sum(valid))
    body = b""
    for (t, x, y, polarity), good in zip(events, valid, strict=True):
        body += struct.pack("<II", x * 131072 + y * 4 + polarity * 2 + good, t)
    return head + body


def nbin(events: Iterable[Event]) -> bytes:
    """N-MNIST's events: x, y, then polarity and time as 24 bits, the highest byte first."""
    return b"".join(bytes([x, y]) + (polarity * 2**23 + t).to_bytes(3, "big") for t, x, y, polarity in events)


def gesture_labels(rows: Iterable[tuple[int, int, int]]) -> bytes:
    """A ``*_labels.csv``."""
    return ("class,startTime_usec,endTime_usec\n" + "".join(f"{c},{s},{e}\n" for c, s, e in rows)).encode()
