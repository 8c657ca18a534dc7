"""cocotb bench of the serial receiver and transmitter (test_uart.py)."""

import cocotb
from cocotb.triggers import RisingEdge, Timer

from spikewright.sim.benches.serial_bench import SerialPort
from spikewright.sim.benches.stream_bench import PERIOD, StreamSource, given, seeded, start


async def watch_bytes(dut, got):
    while True:
        await RisingEdge(dut.o__valid)
        got.append(int(dut.o__payload.value))


async def watch_faults(dut, faults):
    while True:
        await RisingEdge(dut.fault)
        faults.append(1)


async def begin(dut, error=0.0):
    rng = seeded()
    port = SerialPort(dut, bit_ps=int(given()["divisor"] * PERIOD * 1000 * (1 + error)))
    got, faults = [], []
    await start(dut)
    cocotb.start_soon(watch_bytes(dut, got))
    cocotb.start_soon(watch_faults(dut, faults))
    await Timer(port.bit_ps, unit="ps")
    return rng, port, got, faults


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def receives_at_any_phase_and_rate(dut):
    for error in (-0.02, 0.0, 0.02):
        rng, port, got, faults = await begin(dut, error)
        data = rng.randbytes(40)
        await port.send(data[:20], rng=rng, longest_gap=2)
        await port.send(data[20:])  # one bit after the other, no pause
        await Timer(2 * port.bit_ps, unit="ps")
        assert bytes(got) == data
        assert not faults


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def drops_what_is_no_byte(dut):
    _, port, got, faults = await begin(dut)
    await port.hold(0, 0.3)  # a start bit that is gone by its middle
    await Timer(2 * port.bit_ps, unit="ps")
    dut.rx.value = 0
    await Timer(PERIOD, unit="ns")  # a spike
    dut.rx.value = 1
    await Timer(12 * port.bit_ps, unit="ps")
    assert not got
    assert not faults
    await port.hold(0, 30)  # a break: one fault, no byte
    await Timer(2 * port.bit_ps, unit="ps")
    assert not got
    assert len(faults) == 1
    await port.send(b"\x42")
    await Timer(2 * port.bit_ps, unit="ps")
    assert bytes(got) == b"\x42"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def transmits(dut):
    rng, port, _, _ = await begin(dut)
    source = StreamSource(dut, "i", rng=rng, stall=0.0)
    data = rng.randbytes(30)
    await source.send(data[:10])
    source.stall = 0.99
    await source.send(data[10:])
    assert await port.read(30, bits=20) == data
