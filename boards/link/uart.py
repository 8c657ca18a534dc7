"""Serial receiver and transmitter, 8 data bits, no parity, one stop bit (8N1), least significant bit first."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

#: Clock cycles of one bit, at least: fewer leave no room for the edge's own uncertainty.
MIN_DIVISOR = 8


def divisor_for(clock_hz: float, baud: int) -> int:
    """Clock cycles a bit; ``ValueError`` where the rounding would miss the baud rate by more than 2 %."""
    divisor = round(clock_hz / baud)
    if divisor < MIN_DIVISOR or abs(clock_hz / divisor - baud) > 0.02 * baud:
        raise ValueError(f"{baud} baud cannot be made from a clock of {clock_hz / 1e6:g} MHz")
    return divisor


def _check(divisor: int) -> None:
    if not isinstance(divisor, int) or divisor < MIN_DIVISOR:
        raise ValueError(f"divisor must be an integer of at least {MIN_DIVISOR}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    The line passes two synchronising registers and a three-sample majority (a spike of one cycle is not seen);
    each bit is sampled in its middle. A start bit that is gone by its middle is ignored. A low stop bit drops
    the byte and raises ``fault``.

    Latency: a byte comes 9.5 bits and 4 cycles after its start edge. Throughput: the line's.
    Reset: waits for a high line first. Overflow: there is no back-pressure; the consumer takes each byte at once.

    divisor: length of a bit, at least 8 clock cycles.
    """

    #: The line; idle is high.
    rx: In(1, init=1)
    #: The bytes.
    o: Out(stream.Signature(8, always_ready=True))
    #: High for one cycle when a byte was dropped.
    fault: Out(1)

    def __init__(self, *, divisor: int) -> None:
        _check(divisor)
        super().__init__()
        self.divisor = divisor

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        last = Signal(2, init=0b11)
        level = Signal(init=1)
        m.d.sync += [
            last.eq(Cat(line, last[0])),
            level.eq((line & last[0]) | (line & last[1]) | (last[0] & last[1])),
        ]
        timer = Signal(range(self.divisor))
        bits = Signal(range(8))
        data = Signal(8)
        m.d.comb += self.o.payload.eq(data)
        m.d.sync += [self.o.valid.eq(0), self.fault.eq(0)]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.FSM(init="HIGH"):
            with m.State("HIGH"), m.If(level):
                m.next = "IDLE"
            with m.State("IDLE"), m.If(~level):
                m.d.sync += timer.eq(self.divisor // 2 - 1)
                m.next = "START"
            with m.State("START"), m.If(timer == 0):
                m.d.sync += [timer.eq(self.divisor - 1), bits.eq(0)]
                m.next = "IDLE"
                with m.If(~level):
                    m.next = "DATA"
            with m.State("DATA"), m.If(timer == 0):
                m.d.sync += [timer.eq(self.divisor - 1), data.eq(Cat(data[1:], level)), bits.eq(bits + 1)]
                with m.If(bits == 7):
                    m.next = "STOP"
            with m.State("STOP"), m.If(timer == 0):
                m.d.sync += [self.o.valid.eq(level), self.fault.eq(~level)]
                m.next = "HIGH"
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a serial line.

    Latency: the start bit begins one cycle after a byte is taken. Throughput: a byte every 10 bits.
    Reset: the line is high.

    divisor: length of a bit, at least 8 clock cycles.
    """

    #: The bytes.
    i: In(stream.Signature(8))
    #: The line, a register; idle is high.
    tx: Out(1, init=1)

    def __init__(self, *, divisor: int) -> None:
        _check(divisor)
        super().__init__()
        self.divisor = divisor

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        timer = Signal(range(self.divisor))
        left = Signal(range(11))
        shift = Signal(9, init=0x1FF)
        m.d.comb += self.i.ready.eq((left == 0) & (timer == 0))
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [self.tx.eq(shift[0]), shift.eq(Cat(shift[1:], 1)), left.eq(left - 1)]
            m.d.sync += timer.eq(self.divisor - 1)
        with m.Elif(self.i.valid):
            m.d.sync += [self.tx.eq(0), shift.eq(Cat(self.i.payload, 1)), left.eq(9), timer.eq(self.divisor - 1)]
        return m
