"""AEDAT 2.0 and 3.1: exact events, and every cut or wrong byte refused with its place."""

import struct
from pathlib import Path

import pytest
from format_files import AEDAT2_HEADER, AEDAT31_HEADER, Event, aedat2, gesture_labels, packet, put, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.models.formats.aedat import read_aedat2, read_aedat31, read_labels
from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.events import Events

START2, START31 = len(AEDAT2_HEADER), len(AEDAT31_HEADER)
ROWS: list[Event] = [(7, 0, 0, 1), (8, 127, 1, 0), (8, 3, 126, 1), (2**31 - 1, 127, 127, 0)]


def rows_of(events: Events) -> list[Event]:
    columns = (events.t, events.x, events.y, events.polarity.astype(int))
    return [tuple(map(int, row)) for row in zip(*columns, strict=True)]  # type: ignore[misc]


EVENTS = st.lists(
    st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 127), st.integers(0, 127), st.integers(0, 1)), min_size=1
)


@given(EVENTS)
@settings(max_examples=50, deadline=None)
def test_aedat2_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[Event]) -> None:
    read = read_aedat2(put(tmp_path_factory.getbasetemp() / "two.aedat", aedat2(rows)))
    assert rows_of(read) == rows
    assert (read.width, read.height) == (128, 128)


@given(EVENTS, st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_aedat31_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Event], size: int, overflow: int
) -> None:
    packets = b"".join(packet(rows[i : i + size], overflow) for i in range(0, len(rows), size))
    read = read_aedat31(put(tmp_path_factory.getbasetemp() / "three.aedat", AEDAT31_HEADER + packets))
    assert rows_of(read) == [(t + overflow * 2**31, x, y, polarity) for t, x, y, polarity in rows]
    assert (read.width, read.height) == (128, 128)


def test_a_known_event_of_each_version(tmp_path: Path) -> None:
    """Bytes by hand: sensor row 0x12 and column 0x34, OFF, at 0x01020304 µs; column 0x12, row 0x34, ON, the same."""
    two = put(tmp_path / "two", b"#!AER-DAT2.0\r\n" + bytes.fromhex("00001269 01020304"))
    assert rows_of(read_aedat2(two)) == [(0x01020304, 127 - 0x12, 127 - 0x34, 0)]
    header = bytes.fromhex("0100 0000 08000000 04000000 00000000 01000000 01000000 01000000")
    event_file = put(tmp_path / "three", AEDAT31_HEADER + header + bytes.fromhex("d3002400 04030201"))
    assert rows_of(read_aedat31(event_file)) == [(0x01020304, 0x12, 0x34, 1)]


def test_aedat2_leaves_special_events_out(tmp_path: Path) -> None:
    special = struct.pack(">IIII", 0x8000, 3, 0xFFFFFFF0, 4)
    path = put(tmp_path / "a.aedat", aedat2(ROWS[:1]) + special + aedat2(ROWS[1:], header=b""))
    assert rows_of(read_aedat2(path)) == ROWS
    refused(
        lambda: read_aedat2(put(path, AEDAT2_HEADER + special)), path, f"byte {START2 + 16}:", "without an event of"
    )


def test_aedat2_refuses_addresses_of_other_cameras(tmp_path: Path) -> None:
    path = put(tmp_path / "davis.aedat", aedat2(ROWS[:2]) + struct.pack(">II", 0x12345678, 0))
    refused(lambda: read_aedat2(path), path, f"byte {START2 + 16}:", "0x12345678", "allowed are those of a DVS128")


def test_aedat2_refuses_negative_times(tmp_path: Path) -> None:
    path = put(tmp_path / "a.aedat", aedat2(ROWS[:2]) + struct.pack(">Ii", 0, -5))
    refused(lambda: read_aedat2(path), path, f"byte {START2 + 20}:", "the time is -5 µs; allowed are times from 0")


def test_aedat31_leaves_other_packets_and_invalid_events_out(tmp_path: Path) -> None:
    special = struct.pack("<HHiiiiii", 0, 1, 8, 4, 0, 2, 2, 2) + b"\xff" * 16
    content = AEDAT31_HEADER + special + packet(ROWS, valid=[1, 0, 1, 0]) + special
    assert rows_of(read_aedat31(put(tmp_path / "a.aedat", content))) == [ROWS[0], ROWS[2]]
    path = put(tmp_path / "b.aedat", AEDAT31_HEADER + special)
    refused(lambda: read_aedat31(path), path, f"byte {START31 + 44}:", "without an event of a pixel")


@pytest.mark.parametrize("read", [read_aedat2, read_aedat31])
def test_files_without_events(tmp_path: Path, read) -> None:
    header, start = (AEDAT2_HEADER, START2) if read is read_aedat2 else (AEDAT31_HEADER, START31)
    path = tmp_path / "a.aedat"
    refused(lambda: read(path), path, "No such file")
    refused(lambda: read(tmp_path), tmp_path, "Is a directory")
    refused(lambda: read(put(path, b"")), path, "byte 0:", "is not an AEDAT file", "#!AER-DAT")
    refused(lambda: read(put(path, b"\x00" * 64)), path, "byte 0:", "is not an AEDAT file")
    refused(lambda: read(put(path, header)), path, f"byte {start}:", "without an event of a pixel")


def test_other_versions_are_named(tmp_path: Path) -> None:
    path = put(tmp_path / "a.aedat", b"#!AER-DAT4.0\r\n" + b"\x00" * 64)
    refused(lambda: read_aedat2(path), path, "byte 0:", "is AEDAT 4.0; allowed is 2.0")
    refused(lambda: read_aedat31(path), path, "byte 0:", "is AEDAT 4.0; allowed is 3.1")
    put(path, AEDAT31_HEADER + packet(ROWS))
    refused(lambda: read_aedat2(path), path, "is AEDAT 3.1; allowed is 2.0")


def test_headers_that_do_not_end(tmp_path: Path) -> None:
    path = put(tmp_path / "a.aedat", b"#!AER-DAT2.0\r\n# cut")
    refused(lambda: read_aedat2(path), path, "byte 14:", "the header line is cut off")
    put(path, b"#!AER-DAT3.1\r\n#Format: RAW\r\n" + packet(ROWS))
    refused(lambda: read_aedat31(path), path, "byte 28:", "#!END-HEADER")


@pytest.mark.parametrize("cut", range(1, 8))
def test_aedat2_cut_within_an_event(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path / "a.aedat", aedat2(ROWS)[:-cut])
    refused(lambda: read_aedat2(path), path, f"byte {START2 + 24}:", f"after {8 - cut} bytes; allowed are events of 8")


@pytest.mark.parametrize("length", range(1, 60))
def test_aedat31_cut_anywhere(tmp_path: Path, length: int) -> None:
    """The first packet of 28 + 16 bytes is whole; the second is cut after `length` of 28 + 32 bytes."""
    content = AEDAT31_HEADER + packet(ROWS[:2]) + packet(ROWS)[:length]
    path = put(tmp_path / "a.aedat", content)
    second = START31 + 44
    if length < 28:
        refused(lambda: read_aedat31(path), path, f"byte {second}:", f"after {length} bytes; allowed are 28")
    else:
        refused(lambda: read_aedat31(path), path, f"byte {second + 28}:", f"after {length - 28} of 32 bytes")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((1, 1, 8, 4, 0, 5, 4, 4), "a packet of 4 events in 5 places"),
        ((1, 1, 8, 4, 0, -4, -4, 4), "a packet of -4 events in -4 places"),
        ((1, 1, 8, 4, -1, 4, 4, 4), "overflow -1"),
        ((0, 1, 0, 4, 0, 4, 4, 4), "places of 0 bytes"),
        ((1, 1, 4, 4, 0, 4, 4, 4), "polarity events of 4 bytes with the time at 4; allowed are 8 with it at 4"),
        ((1, 1, 8, 0, 0, 4, 4, 4), "polarity events of 8 bytes with the time at 0"),
    ],
)
def test_aedat31_wrong_packet_headers(tmp_path: Path, fields: tuple[int, ...], text: str) -> None:
    first = packet(ROWS[:1])
    path = put(tmp_path / "a.aedat", AEDAT31_HEADER + first + struct.pack("<HHiiiiii", *fields) + packet(ROWS)[28:])
    refused(lambda: read_aedat31(path), path, f"byte {START31 + len(first)}:", text)


@pytest.mark.parametrize("row", [(5, 128, 3, 0), (5, 3, 128, 0), (2**31, 3, 3, 0)])
def test_aedat31_wrong_events(tmp_path: Path, row: Event) -> None:
    path = put(tmp_path / "a.aedat", AEDAT31_HEADER + packet([*ROWS, row]))
    t, x, y, _ = row
    refused(lambda: read_aedat31(path), path, f"byte {START31 + 28 + 32}:", f"column {x}, row {y}, {t} µs", "128×128")
    ignored = put(path, AEDAT31_HEADER + packet([*ROWS, row], valid=[1, 1, 1, 1, 0]))
    assert rows_of(read_aedat31(ignored)) == ROWS


@given(st.binary(max_size=120), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes, two: bool) -> None:
    path = put(tmp_path_factory.getbasetemp() / "any.aedat", (AEDAT2_HEADER if two else AEDAT31_HEADER) + body)
    read = read_aedat2 if two else read_aedat31
    try:
        accepted = len(read(path)) > 0
    except FormatError:
        accepted = False
    if not accepted:
        refused(lambda: read(path), f"{path}: byte ")


def test_labels(tmp_path: Path) -> None:
    path = put(tmp_path / "user01_led_labels.csv", gesture_labels([(1, 10, 20), (11, 15, 40)]))
    assert read_labels(path) == [(0, 10, 20), (10, 15, 40)]
    put(path, gesture_labels([(3, 0, 2**40)]).replace(b"\n", b"\r\n"))
    assert read_labels(path) == [(2, 0, 2**40)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"2,30", "allowed are class, start and end"),
        (b"2,30,40,50", "allowed are class, start and end"),
        (b"2,3e1,40", "allowed are class, start and end"),
        (b"2,-3,40", "allowed are class, start and end"),
        (b"0,30,40", "allowed are classes 1 to 11"),
        (b"12,30,40", "allowed are classes 1 to 11"),
        (b"2,40,40", "start before end"),
    ],
)
def test_wrong_labels(tmp_path: Path, line: bytes, text: str) -> None:
    start = gesture_labels([(1, 10, 20)])
    path = put(tmp_path / "a_labels.csv", start + line + b"\n")
    refused(lambda: read_labels(path), path, f"byte {len(start)}:", repr(line.decode()), text)


def test_label_files_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "a_labels.csv"
    refused(lambda: read_labels(path), path, "No such file")
    refused(lambda: read_labels(put(path, b"")), path, "byte 0:", "as the first line")
    refused(lambda: read_labels(put(path, b"1,2,3\n")), path, "byte 0:", "as the first line")
    refused(lambda: read_labels(put(path, gesture_labels([]))), path, "names no gesture")
