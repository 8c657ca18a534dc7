"""An accelerator small enough to check by eye: three words an image (sum, XOR, number of the image)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from spikewright.boards.link.link import ACCELERATOR

RESULT_WORDS = 3


class DummyAccelerator(wiring.Component):
    """Takes ``image_bytes`` pixels, waits ``delay`` cycles before the first, gives sum, XOR and image number."""

    def __init__(self, image_bytes, delay=0):
        super().__init__(ACCELERATOR)
        self._image_bytes, self._delay = image_bytes, delay

    def elaborate(self, platform):
        m = Module()
        index, word = Signal(range(self._image_bytes)), Signal(2)
        total, parity, images = Signal(32), Signal(8), Signal(32)
        wait = Signal(range(max(2, self._delay + 1)), init=self._delay)
        m.d.comb += [
            self.results.payload.data.eq(Mux(word == 0, total, Mux(word == 1, parity, images))),
            self.results.payload.last.eq(word == RESULT_WORDS - 1),
        ]
        with m.FSM(init="WAIT"):
            with m.State("WAIT"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.pixels.ready.eq(1)
                with m.If(self.pixels.valid):
                    m.d.sync += [
                        index.eq(index + 1),
                        total.eq(total + self.pixels.payload),
                        parity.eq(parity ^ self.pixels.payload),
                    ]
                    with m.If(index == self._image_bytes - 1):
                        m.d.sync += index.eq(0)
                        m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.d.sync += word.eq(word + 1)
                    with m.If(word == RESULT_WORDS - 1):
                        m.d.sync += [
                            word.eq(0),
                            total.eq(0),
                            parity.eq(0),
                            images.eq(images + 1),
                            wait.eq(self._delay),
                        ]
                        m.next = "WAIT"
        return m


def expected(image, number):
    """The result words of image number ``number``."""
    parity = 0
    for byte in image:
        parity ^= byte
    return [sum(image), parity, number]
