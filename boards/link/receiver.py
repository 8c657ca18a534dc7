"""Bytes from the line → checked images and requests: the receiving half of the link (frames: ``frame.py``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikewright.boards.link.frame import HOST_MAGIC, PART_HEADER, PART_NUMBER, TAG, ErrorCode, Reply, Request

#: Replies that may wait for the line.
WAITING = 4
#: What is to be answered: reply type, tag and, for an ERROR, its code.
REPLY = StructLayout({"kind": 8, "tag": 8, "code": 8})


class ImageWrites(wiring.Signature):
    """An image on its way into its buffer, as the receiver sees it."""

    def __init__(self, depth: int) -> None:
        super().__init__(
            {
                #: Number of a byte of the image.
                "address": Out(range(max(2, depth))),
                #: The byte.
                "data": Out(8),
                #: It is written in this cycle.
                "write": Out(1),
                #: A pulse: the image in the buffer is good, send it.
                "commit": Out(1),
                #: The buffer is sending an image.
                "busy": In(1),
            }
        )


class ImageBuffer(wiring.Component):
    """Holds one image until its CRC is known, then hands it to the accelerator.

    Latency: the first pixel is offered 2 cycles after ``commit``. Throughput: one pixel a cycle.
    Reset: empty; the memory's contents stay. Overflow: writes and commits while ``busy`` are the writer's fault.

    depth: size of an image, bytes.
    """

    def __init__(self, *, depth: int) -> None:
        self.depth = depth
        super().__init__(
            {
                # from the receiver
                **ImageWrites(depth).flip().members,
                #: The image, in the order of its addresses.
                "pixels": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=max(2, self.depth), init=[])
        write, read = memory.write_port(), memory.read_port()
        position, following = (Signal(range(max(2, self.depth)), name=name) for name in ("position", "following"))
        taken = self.pixels.valid & self.pixels.ready
        last = position == self.depth - 1
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.write & ~self.busy),
            following.eq(Mux(taken, Mux(last, 0, position + 1), position)),
            read.addr.eq(following),
            self.pixels.payload.eq(read.data),
        ]
        m.d.sync += [position.eq(following), self.pixels.valid.eq(self.busy & ~(taken & last))]
        with m.If(self.commit):
            m.d.sync += self.busy.eq(1)
        with m.Elif(taken & last):
            m.d.sync += self.busy.eq(0)
        return m


class FrameReceiver(wiring.Component):
    """Reads frames from bytes; checks length, CRC, order; requests the replies, but of an image that was taken.

    Bytes before a magic byte are skipped. A frame whose next byte, or an image whose next part, does not come for
    ``timeout`` cycles is dropped with TIME_OUT. A sound frame of unknown type gives UNKNOWN_TYPE, one of wrong length
    BAD_LENGTH (its payload is read and skipped, so the next frame is found), the first part of an image while the
    buffer is still sending BUSY, a part out of order or of another image BAD_PART. BAD_CRC wins over all of these but
    TIME_OUT. Any of them drops the image that has begun; a sound part that does not end its image is not answered.

    Latency: ``commit`` comes 1 cycle, a reply request 3 cycles after the frame's last byte. Throughput: a byte every
    2 cycles. Reset: between frames, no reply waiting. Overflow: while four replies wait, further ones are dropped.

    image_bytes: size of an image, 1 … 2^32 − 1 bytes.
    timeout: silence after which a frame or a begun image is given up, at least 1 cycle.
    """

    def __init__(self, *, image_bytes: int, timeout: int) -> None:
        if not isinstance(image_bytes, int) or not 1 <= image_bytes < 1 << 32:
            raise ValueError(
                f"image_bytes must be from 1 to 2^32 - 1 (INFO has four bytes for it), not {image_bytes!r}"
            )
        if not isinstance(timeout, int) or timeout < 1:
            raise ValueError(f"timeout must be an integer of at least 1 cycle, not {timeout!r}")
        self.image_bytes = image_bytes
        self.timeout = timeout
        super().__init__(
            {
                #: Bytes from the line.
                "i": In(stream.Signature(8, always_ready=True)),
                # to the buffer
                **ImageWrites(image_bytes).members,
                #: With ``commit``: the image's tag.
                "tag": Out(8),
                #: What is to be answered; an image that was taken asks for nothing here.
                "replies": Out(stream.Signature(REPLY)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.checksum = crc = CRC16_IBM_3740(8).create()
        byte, came = self.i.payload, self.i.valid
        kind = Signal(8)
        length = Signal(16)
        index = Signal(16)
        image_tag = Signal(8)  # of the image that has begun
        part = Signal(8 * PART_NUMBER)
        expected = Signal(8 * PART_NUMBER + 1)  # never reached again once the numbers are used up
        fitting = Signal()
        position = Signal(range(self.image_bytes + 1))  # bytes of the image that are there
        blocked, overfull = Signal(), Signal()  # the buffer was sending when the part began; it has too many bytes
        whole, drop = Signal(), Signal()
        begun = expected != 0
        silence = Signal(range(self.timeout + 1))
        m.submodules.waiting = waiting = SyncFIFOBuffered(width=REPLY.size, depth=WAITING)
        request = Signal(REPLY)
        m.d.comb += [
            crc.data.eq(byte),
            self.data.eq(byte),
            self.address.eq(position),
            whole.eq(position == self.image_bytes),
            fitting.eq((part == expected) & (~begun | (self.tag == image_tag))),
            request.tag.eq(self.tag),
            waiting.w_data.eq(request),
        ]
        wiring.connect(m, waiting.r_stream, wiring.flipped(self.replies))
        with m.If(drop):
            m.d.sync += [expected.eq(0), position.eq(0)]
        m.d.sync += silence.eq(Mux(came, 0, silence + (silence != self.timeout)))

        def reply(reply_kind: int, code: int = 0) -> list[Any]:
            return [waiting.w_en.eq(1), request.kind.eq(reply_kind), request.code.eq(code)]

        def error(code: ErrorCode) -> list[Any]:
            return [*reply(Reply.ERROR, code), drop.eq(1)]

        @contextmanager
        def byte_in(state: str) -> Iterator[None]:
            """State that waits for one byte of a frame, and gives up after the time-out."""
            with m.State(state):
                with m.If(came):
                    m.d.comb += crc.valid.eq(1)
                    yield
                with m.Elif(silence == self.timeout):
                    m.d.comb += error(ErrorCode.TIME_OUT)
                    m.next = "MAGIC"

        with m.FSM(init="MAGIC"):
            with m.State("MAGIC"):
                m.d.comb += crc.start.eq(1)
                with m.If(came & (byte == HOST_MAGIC)):
                    m.next = "TYPE"
                with m.Elif(begun & (silence == self.timeout)):
                    m.d.comb += [*error(ErrorCode.TIME_OUT), request.tag.eq(image_tag)]
            with byte_in("TYPE"):
                m.d.sync += kind.eq(byte)
                m.next = "LENGTH_LOW"
            with byte_in("LENGTH_LOW"):
                m.d.sync += length[:8].eq(byte)
                m.next = "LENGTH_HIGH"
            with byte_in("LENGTH_HIGH"):
                m.d.sync += [length[8:].eq(byte), index.eq(0), blocked.eq(self.busy), overfull.eq(0)]
                m.next = "PAYLOAD"
                with m.If(Cat(length[:8], byte) == 0):
                    m.next = "CRC_HIGH"
            with byte_in("PAYLOAD"):
                m.d.sync += index.eq(index + 1)
                with m.If(index < TAG):
                    m.d.sync += self.tag.eq(byte)
                with m.Elif(index < PART_HEADER):
                    m.d.sync += part.eq(Cat(part[8:], byte))
                with m.Elif((kind == Request.IMAGE) & fitting & ~blocked):
                    m.d.comb += self.write.eq(~whole)
                    m.d.sync += [position.eq(position + ~whole), overfull.eq(overfull | whole)]
                with m.If(index == length - 1):
                    m.next = "CRC_HIGH"
            with byte_in("CRC_HIGH"):
                m.next = "CRC_LOW"
            with byte_in("CRC_LOW"):
                m.next = "CHECK"
            with m.State("CHECK"):
                m.next = "MAGIC"
                with m.If(~crc.match_detected):
                    m.d.comb += error(ErrorCode.BAD_CRC)
                with m.Elif((kind != Request.IMAGE) & (kind != Request.INFO)):
                    m.d.comb += error(ErrorCode.UNKNOWN_TYPE)
                with m.Elif(Mux(kind == Request.IMAGE, (length <= PART_HEADER) | overfull, length != TAG)):
                    m.d.comb += error(ErrorCode.BAD_LENGTH)
                with m.Elif(kind == Request.INFO):
                    m.d.comb += [*reply(Reply.INFO), drop.eq(1)]
                with m.Elif(blocked):
                    m.d.comb += error(ErrorCode.BUSY)
                with m.Elif(~fitting):
                    m.d.comb += error(ErrorCode.BAD_PART)
                with m.Else():
                    m.d.comb += [self.commit.eq(whole), drop.eq(whole)]
                    m.d.sync += [expected.eq(expected + 1), image_tag.eq(self.tag)]
                    with m.If(whole):
                        m.d.sync += expected.eq(0)
        return m
