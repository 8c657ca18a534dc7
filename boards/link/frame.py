"""The frames on the serial line: the one description that hardware, host driver and documentation share.

A frame is magic, type, length (2 bytes), payload, CRC (2 bytes). The CRC covers type, length and payload:
CRC-16 with polynomial 0x1021 and initial value 0xFFFF, sent high byte first. Numbers are little-endian.

Every payload begins with a tag, a byte that the host chooses: another one for each image and each INFO. A reply has the
tag of what it answers, so that one which comes late is not taken for that of another request.

An image comes in parts, each in a frame of its own: of any length, numbered from 0, all of one tag. With its last byte
it is whole, and answered. Any error drops what there is of it, and it begins again with part 0; so do an INFO and a
long silence.
"""

from enum import IntEnum

#: First byte of a frame to the board, and of one from it.
HOST_MAGIC, BOARD_MAGIC = 0xA5, 0x5A
#: Version of this protocol, the first byte of an INFO reply.
PROTOCOL = 2
#: Longest payload (the length has two bytes).
MAX_PAYLOAD = 0xFFFF
#: Bytes around a payload.
OVERHEAD = 6
#: Bytes of the tag, and behind it of a part's number; most bytes of the image in a part.
TAG, PART_NUMBER = 1, 3
PART_HEADER = TAG + PART_NUMBER
PART_BYTES = MAX_PAYLOAD - PART_HEADER
#: Bytes of one result word, and most words of an answer.
WORD_BYTES = 4
MOST_RESULT_WORDS = (MAX_PAYLOAD - TAG) // WORD_BYTES


class Request(IntEnum):
    """Types of frames to the board."""

    IMAGE = 0x01
    INFO = 0x02


class Reply(IntEnum):
    """Types of frames from the board."""

    RESULT = 0x81
    INFO = 0x82
    ERROR = 0xE0


class ErrorCode(IntEnum):
    """What an ERROR reply says."""

    BAD_CRC = 1
    BAD_LENGTH = 2
    UNKNOWN_TYPE = 3
    BUSY = 4
    TIME_OUT = 5
    BAD_PART = 6


#: Payload of an INFO reply behind the tag: field and its bytes, in order.
INFO_FIELDS = (("protocol", 1), ("build_id", 4), ("image_bytes", 4), ("result_words", 2))
INFO_BYTES = sum(size for _, size in INFO_FIELDS)

REQUEST_MEANING = {
    Request.IMAGE: "a part of an image: tag (1), number of the part, from 0 (3), then at least one byte; `image_bytes` "
    "in all parts, in raster order, channel innermost, frame after frame",
    Request.INFO: "tag (1); also serves as a ping, and drops a begun image",
}
REPLY_MEANING = {
    Reply.RESULT: "tag (1), the result words of one image, 4 bytes each: class scores, then counters",
    Reply.INFO: ", ".join(["tag (1)", *(f"{name} ({size})" for name, size in INFO_FIELDS)]),
    Reply.ERROR: "tag (1), error code (1)",
}
ERROR_MEANING = {
    ErrorCode.BAD_CRC: "the frame's CRC is wrong; its payload was not used",
    ErrorCode.BAD_LENGTH: "the frame is sound, but this type has another length, or the image too many bytes",
    ErrorCode.UNKNOWN_TYPE: "the frame is sound, but its type is not known",
    ErrorCode.BUSY: "an image came while the one before it had not been taken; it was dropped",
    ErrorCode.TIME_OUT: "a frame or an image broke off; the bytes so far were dropped",
    ErrorCode.BAD_PART: "a part is missing, doubled, out of order or of another image",
}


def info_payload(build_id: int, image_bytes: int, result_words: int) -> bytes:
    """Payload of the INFO reply of one design, behind the tag."""
    values = {"protocol": PROTOCOL, "build_id": build_id, "image_bytes": image_bytes, "result_words": result_words}
    return b"".join(values[name].to_bytes(size, "little") for name, size in INFO_FIELDS)


def markdown() -> str:
    """The tables of docs/boards.md."""
    rows = ["| Frame | Code | Payload |", "|---|---|---|"]
    rows += [f"| {kind.name} (to the board) | 0x{kind:02X} | {REQUEST_MEANING[kind]} |" for kind in Request]
    rows += [f"| {kind.name} (reply) | 0x{kind:02X} | {REPLY_MEANING[kind]} |" for kind in Reply]
    rows += ["", "| Error | Code | Meaning |", "|---|---|---|"]
    rows += [f"| {code.name} | {int(code)} | {ERROR_MEANING[code]} |" for code in ErrorCode]
    return "\n".join(rows)
