"""Replies and results → bytes for the line: the sending half of the link (frames: ``frame.py``)."""

from typing import Any

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from spikewright.boards.link.frame import (
    BOARD_MAGIC,
    INFO_BYTES,
    MOST_RESULT_WORDS,
    TAG,
    WORD_BYTES,
    Reply,
    info_payload,
)
from spikewright.boards.link.receiver import REPLY

#: What an accelerator yields: result words, ``last`` with the final one of an image.
RESULT = StructLayout({"data": 32, "last": 1})


class FrameSender(wiring.Component):
    """Makes one frame of each reply request, and of each image's result words.

    A waiting request goes first; a RESULT frame starts when a tag and its first word are there and then takes exactly
    ``result_words`` words. A frame, once begun, is finished.

    Latency: the first byte is offered 1 cycle after a request or word. Throughput: a byte a cycle.
    Reset: between frames. Overflow: none, inputs wait.

    result_words: size of the answer to an image, 1 … 16383 words.
    image_bytes, build_id: told in the INFO reply.
    """

    #: Replies to send.
    requests: In(stream.Signature(REPLY))
    #: Result words of the images.
    results: In(stream.Signature(RESULT))
    #: Tags of the images, in their order.
    tags: In(stream.Signature(8))
    #: Bytes for the line.
    o: Out(stream.Signature(8))

    def __init__(self, *, result_words: int, image_bytes: int, build_id: int) -> None:
        if not isinstance(result_words, int) or not 1 <= result_words <= MOST_RESULT_WORDS:
            raise ValueError(
                f"result_words must be 1…{MOST_RESULT_WORDS} (a frame's length has 2 bytes), not {result_words!r}"
            )
        if not isinstance(build_id, int) or not 0 <= build_id < 1 << 32:
            raise ValueError(f"build_id must be an unsigned 32-bit number, not {build_id!r}")
        super().__init__()
        self.result_words = result_words
        self._info = info_payload(build_id, image_bytes, result_words)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.checksum = crc = CRC16_IBM_3740(8).create()
        result_bytes = TAG + self.result_words * WORD_BYTES
        kind, tag, code = Signal(8), Signal(8), Signal(8)
        length = Signal(16)
        index = Signal(16)
        info = Array([Const(byte, 8) for byte in (0, *self._info)])  # the first byte is the tag's
        taken = self.o.valid & self.o.ready
        lane = Signal(range(WORD_BYTES))  # byte of a result word
        word_byte = self.results.payload.data.word_select(lane, 8)
        m.d.comb += [crc.data.eq(self.o.payload), crc.valid.eq(0)]
        with m.FSM(init="IDLE"):
            with m.State("IDLE"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [index.eq(0), lane.eq(0)]
                with m.If(self.requests.valid):
                    m.d.comb += self.requests.ready.eq(1)
                    request = self.requests.payload
                    m.d.sync += [kind.eq(request.kind), tag.eq(request.tag), code.eq(request.code)]
                    m.d.sync += length.eq(TAG + Mux(request.kind == Reply.INFO, INFO_BYTES, 1))
                    m.next = "MAGIC"
                with m.Elif(self.results.valid & self.tags.valid):
                    m.d.comb += self.tags.ready.eq(1)
                    m.d.sync += [kind.eq(Reply.RESULT), tag.eq(self.tags.payload), length.eq(result_bytes)]
                    m.next = "MAGIC"
            for state, byte, following in (
                ("MAGIC", Const(BOARD_MAGIC, 8), "TYPE"),
                ("TYPE", kind, "LENGTH_LOW"),
                ("LENGTH_LOW", length[:8], "LENGTH_HIGH"),
                ("LENGTH_HIGH", length[8:], "PAYLOAD"),
            ):
                with m.State(state):
                    m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(byte), crc.valid.eq(taken & (state != "MAGIC"))]
                    with m.If(taken):
                        m.next = following
            with m.State("PAYLOAD"):
                m.d.comb += [self.o.valid.eq(1), crc.valid.eq(taken)]
                with m.If(index < TAG):
                    m.d.comb += self.o.payload.eq(tag)
                with m.Elif(kind == Reply.RESULT):
                    m.d.comb += [self.o.valid.eq(self.results.valid), self.o.payload.eq(word_byte)]
                    m.d.comb += self.results.ready.eq(self.o.ready & (lane == WORD_BYTES - 1))
                    with m.If(taken):
                        m.d.sync += lane.eq(lane + 1)
                with m.Elif(kind == Reply.INFO):
                    m.d.comb += self.o.payload.eq(info[index[: INFO_BYTES.bit_length()]])
                with m.Else():
                    m.d.comb += self.o.payload.eq(code)
                with m.If(taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == length - 1):
                        m.next = "CRC_HIGH"
            with m.State("CRC_HIGH"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(crc.crc[8:])]
                with m.If(taken):
                    m.next = "CRC_LOW"
            with m.State("CRC_LOW"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(crc.crc[:8])]
                with m.If(taken):
                    m.next = "IDLE"
        return m
