"""The host's side of the link: frames in plain Python over any byte transport (a serial port, or a simulation)."""

import binascii
import importlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from spikewright.boards.link.frame import (
    BOARD_MAGIC,
    HOST_MAGIC,
    INFO_BYTES,
    INFO_FIELDS,
    MAX_PAYLOAD,
    OVERHEAD,
    PART_BYTES,
    PART_NUMBER,
    PROTOCOL,
    TAG,
    WORD_BYTES,
    ErrorCode,
    Reply,
    Request,
)
from spikewright.errors import PlainError


class LinkError(PlainError):
    """The board reported an error, answered wrongly or not at all; ``code`` holds the board's code, if it sent one."""

    def __init__(self, message: str, code: ErrorCode | None = None) -> None:
        super().__init__(message)
        self.code = code


class Transport(Protocol):
    """A byte pipe with a read time-out, such as serial.Serial."""

    def write(self, data: bytes, /) -> Any:
        """Sends all bytes."""

    def read(self, size: int = ..., /) -> bytes:
        """Up to ``size`` bytes; fewer, or none, when the time-out has passed."""


@dataclass(frozen=True)
class Info:
    """What a board says about its design."""

    protocol: int
    build_id: int
    image_bytes: int
    result_words: int


def crc16(data: bytes) -> int:
    """CRC-16 of the frames (polynomial 0x1021, initial value 0xFFFF)."""
    return binascii.crc_hqx(data, 0xFFFF)


def encode(kind: int, payload: bytes = b"", magic: int = HOST_MAGIC) -> bytes:
    """One frame, ready for the line."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    body = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
    return bytes([magic]) + body + crc16(body).to_bytes(2, "big")


def image_parts(image: bytes, steps: int = 1) -> list[bytes]:
    """Payloads of an image's parts, behind their tags: each number, and bytes of one of ``steps`` equal frames.

    ValueError where there are no such frames.
    """
    if not image or steps < 1 or len(image) % steps:
        raise ValueError(f"an image of {len(image)} bytes does not consist of {steps} frames of one size")
    size = len(image) // steps
    cuts = [(first, min(first + PART_BYTES, frame + size))
            for frame in range(0, len(image), size) for first in range(frame, frame + size, PART_BYTES)]  # fmt: skip
    return [number.to_bytes(PART_NUMBER, "little") + image[slice(*cut)] for number, cut in enumerate(cuts)]


class Decoder:
    """Finds frames in received bytes; skips noise, and on a bad CRC searches on from the next byte."""

    def __init__(self, magic: int = BOARD_MAGIC) -> None:
        self._magic = magic
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Takes bytes; yields (type, payload) of each frame that is complete and sound."""
        self._pending += data
        while (start := self._pending.find(self._magic)) >= 0:
            del self._pending[:start]
            if len(self._pending) < OVERHEAD:
                return
            end = OVERHEAD + int.from_bytes(self._pending[2:4], "little")
            if len(self._pending) < end:
                return
            if crc16(bytes(self._pending[1 : end - 2])) != int.from_bytes(self._pending[end - 2 : end], "big"):
                del self._pending[0]
                continue
            frame = bytes(self._pending[:end])
            del self._pending[:end]
            yield frame[1], frame[4:-2]
        self._pending.clear()


class Host:
    """Talks to a board; each call sends a request and waits for its own answer, whatever comes late of others.

    transport: where bytes go and come from; its read time-out is the wait for an answer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._decoder = Decoder()
        # by chance: the board may still hold parts that another host began to send
        self._tag = secrets.randbelow(1 << 8 * TAG)

    def info(self) -> Info:
        """Asks for the design's identity; also a ping."""
        payload = self._ask(Request.INFO, [b""], Reply.INFO)
        if payload[:1] and payload[0] != PROTOCOL:
            raise LinkError(f"the board speaks protocol {payload[0]}, this host {PROTOCOL}")
        if len(payload) != INFO_BYTES:
            raise LinkError(f"the board's INFO has {len(payload)} bytes instead of {INFO_BYTES}")
        values, at = {}, 0
        for name, size in INFO_FIELDS:
            values[name] = int.from_bytes(payload[at : at + size], "little")
            at += size
        return Info(**values)

    def run(self, image: bytes, steps: int = 1) -> list[int]:
        """Sends one image, in one part or more for each of ``steps`` frames that it consists of.

        Returns its result words, unsigned 32 bit (scores are two's complement).
        """
        payload = self._ask(Request.IMAGE, image_parts(image, steps), Reply.RESULT)
        return [int.from_bytes(payload[i : i + WORD_BYTES], "little") for i in range(0, len(payload), WORD_BYTES)]

    def _ask(self, request: Request, payloads: list[bytes], expected: Reply) -> bytes:
        """The answer to payloads of one tag, behind its own."""
        self._tag = (self._tag + 1) % (1 << 8 * TAG)
        tag = self._tag.to_bytes(TAG, "little")
        for payload in payloads:
            self._transport.write(encode(request, tag + payload))
        while chunk := self._transport.read(1):
            for kind, answer in self._decoder.feed(chunk):
                if not answer.startswith(tag):
                    continue
                told = answer[TAG:]
                if kind == Reply.ERROR:
                    code = ErrorCode(told[0]) if told and told[0] in set(ErrorCode) else None
                    named = code.name if code else f"unknown ({told.hex()})"
                    raise LinkError(f"the board answered {request.name} with error {named}", code)
                if kind == expected:
                    return told
        raise LinkError(f"no answer to {request.name}: is the board connected, and its bitstream loaded?")


def open_serial(port: str, baud: int, timeout: float = 2.0) -> Transport:
    """A serial port, by pyserial (an optional package)."""
    try:
        serial = importlib.import_module("serial")
    except ImportError:
        raise LinkError("talking to a board needs pyserial: 'pip install pyserial'") from None
    opened: Transport = serial.Serial(port, baud, timeout=timeout)
    return opened
