"""AEDAT 2.0 and 3.1 recordings of a DVS128, as CIFAR10-DVS and DVS128 Gesture are published.

tonic 1.7 reads neither: its ``read_dvs_128`` and ``read_dvs_ibm`` fail at every file (neuromorphs/tonic#302), and its
data sets of these names are conversions of the published files; so the decoding is here, next to the checks.
The published layouts: https://docs.inivation.com (AEDAT file formats), IBM's README, and jAER's class DVS128, whose
polarity bit is 1 for OFF (iniVation's table of AEDAT 1.0 says ON).
"""

import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikewright.echo import quoted
from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.events import Events
from spikewright.models.formats.files import read_bytes, read_lines

SIDE = 128
GESTURES = 11
_PACKET = struct.Struct("<HHiiiiii")
_POLARITY, _EVENT, _TIME_AT = 1, 8, 4
#: AEDAT 2.0: an event of the sync input (bit 15) or of jAER itself (bit 31) has no pixel; bits 16 to 30 stay clear.
_SPECIAL, _FOREIGN = 0x80008000, 0x7FFF0000


class Gesture(NamedTuple):
    """A row of ``*_labels.csv``: the label from 0, and the µs from ``start`` up to, not including, ``end``."""

    label: int
    start: int
    end: int


def read_aedat2(path: Path | str) -> Events:
    """A recording of CIFAR10-DVS: header lines with ``#``, then big-endian 32-bit addresses and 32-bit times in µs.

    Of a DVS128's address, bit 0 is set for OFF, bits 7…1 are the column and bits 14…8 the row, both counted from the
    far corner; and the recordings lie on their side. So x = 127 − row and y = 127 − column show the images upright, as
    SpikingJelly's reader has it. Events of other kinds than a pixel's (bit 15 or 31) are left out.
    """
    path = Path(path)
    data = read_bytes(path)
    start = _header(path, data, "2.0")
    if (len(data) - start) % _EVENT:
        cut = len(data) - (len(data) - start) % _EVENT
        raise FormatError.at(path, f"the event ends after {len(data) - cut} bytes; allowed are events of {_EVENT}", cut)
    records = np.frombuffer(data, ">u4", offset=start).reshape(-1, 2)
    address = records[:, 0].astype(np.uint32)
    pixel = address & _SPECIAL == 0
    foreign = np.flatnonzero(pixel & (address & _FOREIGN != 0))
    if foreign.size:
        fault = f"the address is 0x{address[foreign[0]]:08x}; allowed are those of a DVS128, 16 bits"
        raise FormatError.at(path, fault, start + int(foreign[0]) * _EVENT)
    time = records[:, 1].astype(np.uint32).view(np.int32)
    negative = np.flatnonzero(pixel & (time < 0))
    if negative.size:
        fault = f"the time is {time[negative[0]]} µs; allowed are times from 0"
        raise FormatError.at(path, fault, start + int(negative[0]) * _EVENT + 4)
    address = address[pixel]
    x = (SIDE - 1 - (address >> 8 & 0x7F)).astype(np.uint16)
    y = (SIDE - 1 - (address >> 1 & 0x7F)).astype(np.uint16)
    return _events(path, data, time[pixel].astype(np.int64), x, y, address & 1 == 0)


def read_aedat31(path: Path | str) -> Events:
    """A recording of DVS128 Gesture: header lines up to ``#!END-HEADER``, then packets, all little-endian.

    A packet is 28 bytes of header and ``number`` events; those of type 1, polarity, are eight bytes each: bit 0 valid,
    bit 1 ON, bits 16…2 the row from the top, bits 31…17 the column, then 31 bits of time in µs, which the packet's
    overflow count continues. Packets of other types and invalid events are left out.
    """
    path = Path(path)
    data = read_bytes(path)
    offset = _header(path, data, "3.1")
    times: list[NDArray[np.int64]] = []
    words: list[NDArray[np.uint32]] = []
    while offset < len(data):
        first = offset + _PACKET.size
        if first > len(data):
            fault = f"the packet header ends after {len(data) - offset} bytes; allowed are {_PACKET.size}"
            raise FormatError.at(path, fault, offset)
        kind, _, size, time_at, overflow, capacity, number, _ = _PACKET.unpack_from(data, offset)
        if size < 1 or number < 0 or capacity != number or overflow < 0:
            fault = f"a packet of {number} events in {capacity} places of {size} bytes, overflow {overflow}"
            raise FormatError.at(path, f"{fault}; allowed are as many events as places, and nothing negative", offset)
        if first + number * size > len(data):
            fault = f"the events end after {len(data) - first} of {number * size} bytes"
            raise FormatError.at(path, f"{fault}; allowed are the {number} events of the packet's header", first)
        if kind == _POLARITY:
            if (size, time_at) != (_EVENT, _TIME_AT):
                fault = f"polarity events of {size} bytes with the time at {time_at}"
                raise FormatError.at(path, f"{fault}; allowed are {_EVENT} with it at {_TIME_AT}", offset)
            time, word = _polarity(path, data, first, number)
            times.append(time + (overflow << 31))
            words.append(word)
        offset = first + number * size
    word = np.concatenate(words) if words else np.zeros(0, np.uint32)
    time = np.concatenate(times) if times else np.zeros(0, np.int64)
    x, y = (word >> 17).astype(np.uint16), (word >> 2 & 0x7FFF).astype(np.uint16)
    return _events(path, data, time, x, y, word & 2 != 0)


def _polarity(path: Path, data: bytes, first: int, number: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Times and address words of the valid events of one packet."""
    records = np.frombuffer(data, "<u4", count=2 * number, offset=first).reshape(-1, 2)
    word = records[:, 0].astype(np.uint32)
    valid = word & 1 != 0
    outside = (word >> 17 >= SIDE) | (word >> 2 & 0x7FFF >= SIDE) | (records[:, 1] >> 31 != 0)
    wrong = np.flatnonzero(valid & outside)
    if wrong.size:
        event = int(wrong[0])
        x, y, time = word[event] >> 17, word[event] >> 2 & 0x7FFF, records[event, 1]
        fault = f"the event is at column {x}, row {y}, {time} µs; allowed are {SIDE}×{SIDE} pixels and 31 bits of time"
        raise FormatError.at(path, fault, first + event * _EVENT)
    return records[valid, 1].astype(np.int64), word[valid]


def _header(path: Path, data: bytes, version: str) -> int:
    """Offset of the first byte behind the header lines, of which the first names the version."""
    named = re.match(rb"#!AER-DAT([0-9.]{1,8})\r?\n", data)
    if named is None:
        raise FormatError.at(path, f"is not an AEDAT file; allowed is a first line '#!AER-DAT{version}'", 0)
    if (file_version := named[1].decode()) != version:
        raise FormatError.at(
            path, f"is AEDAT {file_version}; allowed is {version}, as the data set was first published", 0
        )
    offset = 0
    while data[offset : offset + 1] == b"#":
        end = data.find(b"\n", offset) + 1
        if not end:
            raise FormatError.at(path, "the header line is cut off; allowed are whole lines", offset)
        if version == "3.1" and data.startswith(b"#!END-HEADER", offset):
            return end
        offset = end
    if version == "3.1":
        raise FormatError.at(path, "the header stops here; allowed is '#!END-HEADER' as its last line", offset)
    return offset


def _events(
    path: Path,
    data: bytes,
    t: NDArray[np.int64],
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    polarity: NDArray[np.bool_],
) -> Events:
    if not len(t):
        raise FormatError.at(path, "the file ends without an event of a pixel; allowed is one or more", len(data))
    return Events(t, x, y, polarity, SIDE, SIDE)


def read_labels(path: Path | str) -> list[Gesture]:
    """``*_labels.csv`` of DVS128 Gesture: a line of names, then ``class,start,end`` with the classes 1…11.

    Slices may overlap: in the published user22_led_labels.csv, the ninth ends after the tenth has begun.
    """
    path = Path(path)
    (_, names), *rows = read_lines(path) or [(0, "")]
    if not names.startswith("class,"):
        raise FormatError.at(
            path, f"is {quoted(names)}; allowed is class,startTime_usec,endTime_usec as the first line", 0
        )
    gestures = []
    for offset, row in rows:
        fields = row.split(",")
        if len(fields) != 3 or not all(re.fullmatch(r"\s*[0-9]{1,18}\s*", field, re.ASCII) for field in fields):
            raise FormatError.at(path, f"is {quoted(row)}; allowed are class, start and end, whole numbers", offset)
        number, start, end = map(int, fields)
        if not 1 <= number <= GESTURES or end <= start:
            raise FormatError.at(
                path, f"is {quoted(row)}; allowed are classes 1 to {GESTURES} and start before end", offset
            )
        gestures.append(Gesture(number - 1, start, end))
    if not gestures:
        raise FormatError.at(path, "names no gesture; allowed is one a line", 0)
    return gestures
