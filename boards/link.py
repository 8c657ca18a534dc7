"""The link: an accelerator behind the two pins of a serial line. No platform is needed: simulation uses it as it is."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.boards.receiver import FrameReceiver, ImageBuffer
from spikewright.boards.sender import RESULT, FrameSender
from spikewright.boards.uart import UartReceiver, UartTransmitter

#: Bits of silence on the line after which a broken frame is given up (16 bytes).
TIMEOUT_BITS = 160


#: What the link expects of an accelerator: `pixels`, the bytes of an image in raster order, channel innermost, and
#: `results`, a fixed number of words an image, scores then counters, `last` with the final one.
ACCELERATOR = wiring.Signature({"pixels": In(stream.Signature(8)), "results": Out(stream.Signature(RESULT))})


class Link(wiring.Component):
    """Frames on a serial line ↔ pixels and results (frames: `frame.py`).

    An image reaches `pixels` only after its CRC was found right. Every frame that ends is answered: an image with a
    RESULT, anything wrong with an ERROR; a frame that breaks off is answered after the time-out. Requests are
    answered while the accelerator computes.

    Latency: pixels start 3 cycles after the last byte; then the line's. Throughput: the line's; one image can be
    received while the accelerator works on the one before. Reset: between frames. Overflow: an image that comes while
    the one before still waits in the buffer is answered BUSY and dropped.

    Parameters:
        image_bytes: pixel bytes of an image, 2…65535
        result_words: result words of an image, 1…16383
        build_id: 32-bit number that names the design in INFO
        divisor: clock cycles a bit, at least 8
        timeout_bits: bits of silence that end a broken frame
    Members:
        rx (in, 1), tx (out, 1): the serial line
        pixels (out, stream of 8), results (in, stream of RESULT): to and from the accelerator
        fault (out, 1): a byte with a bad stop bit was dropped
    """

    def __init__(
        self, *, image_bytes: int, result_words: int, build_id: int, divisor: int, timeout_bits: int = TIMEOUT_BITS
    ) -> None:
        self._receiver = FrameReceiver(image_bytes=image_bytes, timeout=timeout_bits * divisor)
        self._sender = FrameSender(result_words=result_words, image_bytes=image_bytes, build_id=build_id)
        self._uart_in, self._uart_out = UartReceiver(divisor=divisor), UartTransmitter(divisor=divisor)
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "pixels": Out(stream.Signature(8)),
                "results": In(stream.Signature(RESULT)),
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
            receiver.busy.eq(buffer.busy),
        ]
        return m


class LinkedAccelerator(wiring.Component):
    """An accelerator behind its link: two pins.

    Parameters: the accelerator (signature ACCELERATOR, or with more ports that may stay open), then as `Link`.

    Latency, throughput, reset, overflow: as `Link`.
    """

    rx: In(1, init=1)
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
