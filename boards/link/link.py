"""The link: an accelerator behind the two pins of a serial line. No platform is needed: simulation uses it as it is."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.boards.link.receiver import FrameReceiver, ImageBuffer
from spikewright.boards.link.sender import RESULT, FrameSender
from spikewright.boards.link.uart import UartReceiver, UartTransmitter

#: Bits of silence on the line after which a broken frame or image is given up: 20 ms at 1 Mbaud, since a host's
#: adapter and scheduler pause between the bytes of a long frame.
TIMEOUT_BITS = 20_000
#: Images that may be on their way between the receiver and their answers.
IMAGES = 4

#: What the link expects of an accelerator.
ACCELERATOR = wiring.Signature(
    {
        #: Bytes of an image in raster order, channel innermost.
        "pixels": In(stream.Signature(8)),
        #: A fixed number of words an image, scores then counters, ``last`` with the final one.
        "results": Out(stream.Signature(RESULT)),
    }
)


class Link(wiring.Component):
    """Frames on a serial line ↔ pixels and results (frames: ``frame.py``).

    An image reaches ``pixels`` only after all its parts were found right. It is answered with a RESULT, anything wrong
    with an ERROR; a frame that breaks off is answered after the time-out. Requests are
    answered while the accelerator computes.

    Latency: pixels start 3 cycles after the last byte; then the line's. Throughput: the line's; one image can be
    received while the accelerator works on the one before. Reset: between frames. Overflow: an image that comes while
    the one before still waits in the buffer, or while four are unanswered, is answered BUSY and dropped.

    image_bytes: size of an image, 1 … 2^32 − 1 bytes.
    result_words: size of its answer, 1 … 16383 words.
    build_id: 32-bit number that names the design in INFO.
    divisor: length of a bit, at least 8 clock cycles.
    timeout_bits: silence that ends a broken frame or image, bits.
    """

    def __init__(
        self, *, image_bytes: int, result_words: int, build_id: int, divisor: int, timeout_bits: int = TIMEOUT_BITS
    ) -> None:
        self._receiver = FrameReceiver(image_bytes=image_bytes, timeout=timeout_bits * divisor)
        self._sender = FrameSender(result_words=result_words, image_bytes=image_bytes, build_id=build_id)
        self._uart_in, self._uart_out = UartReceiver(divisor=divisor), UartTransmitter(divisor=divisor)
        super().__init__(
            {
                #: The serial line from the host; idle is high.
                "rx": In(1, init=1),
                #: The serial line to the host; idle is high.
                "tx": Out(1, init=1),
                #: Bytes of the images, to the accelerator.
                "pixels": Out(stream.Signature(8)),
                #: Result words, from the accelerator.
                "results": In(stream.Signature(RESULT)),
                #: A pulse: a byte with a bad stop bit was dropped.
                "fault": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.uart_in = uart_in = self._uart_in
        m.submodules.uart_out = uart_out = self._uart_out
        m.submodules.receiver = receiver = self._receiver
        m.submodules.buffer = buffer = ImageBuffer(depth=receiver.image_bytes)
        m.submodules.sender = sender = self._sender
        wiring.connect(m, uart_in.o, receiver.i)
        # the accelerator answers in the order of the images
        m.submodules.tags = tags = SyncFIFOBuffered(width=8, depth=IMAGES)
        wiring.connect(m, tags.r_stream, sender.tags)
        wiring.connect(m, receiver.replies, sender.requests)
        wiring.connect(m, sender.o, uart_out.i)
        wiring.connect(m, wiring.flipped(self.results), sender.results)
        wiring.connect(m, buffer.pixels, wiring.flipped(self.pixels))
        m.d.comb += [
            uart_in.rx.eq(self.rx),
            self.tx.eq(uart_out.tx),
            self.fault.eq(uart_in.fault),
            buffer.address.eq(receiver.address),
            buffer.data.eq(receiver.data),
            buffer.write.eq(receiver.write),
            buffer.commit.eq(receiver.commit),
            receiver.busy.eq(buffer.busy | ~tags.w_rdy),
            tags.w_data.eq(receiver.tag),
            tags.w_en.eq(receiver.commit),
        ]
        return m


class LinkedAccelerator(wiring.Component):
    """An accelerator behind its link: two pins.

    Latency, throughput, reset, overflow: as ``Link``.

    accelerator: with the ports of ``ACCELERATOR``; further ones stay open.
    link: arguments of ``Link``.
    """

    #: The serial line from the host; idle is high.
    rx: In(1, init=1)
    #: The serial line to the host; idle is high.
    tx: Out(1, init=1)

    def __init__(self, accelerator: Any, **link: int) -> None:
        super().__init__()
        self._accelerator, self._link = accelerator, Link(**link)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.link = link = self._link
        m.submodules.accelerator = accelerator = self._accelerator
        wiring.connect(m, link.pixels, accelerator.pixels)
        wiring.connect(m, accelerator.results, link.results)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        return m
