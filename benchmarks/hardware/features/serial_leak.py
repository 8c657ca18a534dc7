"""The leak product's control: the same division by one bit of the leak a cycle."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.cost.rows import LEAK_BITS


class SerialLeak(wiring.Component):
    """``kept`` = leak · membrane / 16, rounded down or up, by ``kept ← (kept + bit · membrane) >> 1``.

    Each halving rounds; of nested halvings that is one rounding of the whole. Latency 4 cycles behind ``start``, a
    product every 5 cycles; no reset. Leaks are 0 to 16. The membrane stands still while it is divided.

    width: of a membrane, sign included, bits
    """

    def __init__(self, *, width: int) -> None:
        self.width = width
        super().__init__(
            {
                "start": In(1),
                "membrane": In(signed(width)),
                "leak": In(LEAK_BITS),
                "up": In(1),
                "kept": Out(signed(width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = Signal(LEAK_BITS - 1)
        total = Signal(signed(self.width + 2))
        m.d.comb += total.eq(self.kept + Mux(bits[0], self.membrane, 0) + self.up)
        with m.If(self.start):
            # 16 has no lower bits: kept is the membrane before the halvings, which then are of 16 times it
            m.d.sync += [bits.eq(Mux(self.leak[4], 15, self.leak)), self.kept.eq(Mux(self.leak[4], self.membrane, 0))]
        with m.Else():
            m.d.sync += [bits.eq(bits >> 1), self.kept.eq(total >> 1)]
        return m
