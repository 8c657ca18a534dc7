"""The serial receiver and transmitter, against a port with its own clock."""

from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.boards.link.uart import UartReceiver, UartTransmitter, divisor_for
from spikewright.sim.verilator.bench import bench

BENCH = Path(__file__).with_name("uart_bench.py")


class Uart(wiring.Component):
    """Both halves, apart, so that one build tests both."""

    rx: In(1, init=1)
    tx: Out(1, init=1)
    fault: Out(1)
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8, always_ready=True))

    def __init__(self, divisor):
        super().__init__()
        self._divisor = divisor

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(divisor=self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self._divisor)
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.fault.eq(receiver.fault), self.tx.eq(transmitter.tx)]
        return m


@pytest.mark.parametrize("divisor", [10, 27])
def test_uart(divisor, tmp_path):
    bench(Uart(divisor), BENCH, cwd=tmp_path, given={"divisor": divisor})


def test_divisor():
    assert divisor_for(80e6, 1_000_000) == 80
    assert divisor_for(80e6, 115200) == 694
    with pytest.raises(ValueError, match=r"50000000 baud cannot be made from a clock of 80 MHz"):
        divisor_for(80e6, 50_000_000)
    with pytest.raises(ValueError, match=r"divisor must be an integer of at least 8, not 7"):
        UartReceiver(divisor=7)
    with pytest.raises(ValueError, match=r"divisor must be an integer of at least 8, not 9.5"):
        UartTransmitter(divisor=9.5)
