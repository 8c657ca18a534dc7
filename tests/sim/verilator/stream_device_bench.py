"""cocotb bench of the small stream devices in test_runner.py."""

import cocotb
from cocotb.triggers import RisingEdge

from spikewright.sim.benches.stream_bench import exchange, given, seeded, start


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def adds(dut):
    rng = seeded()
    items = [rng.getrandbits(8) for _ in range(given()["count"])]
    await start(dut)
    expected = [(item + given()["addend"]) & 0xFF for item in items]
    await exchange(dut, {"i": items}, {"o": expected}, rng=rng, stall=given()["stall"], patience=100)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def never_ends(dut):
    await start(dut)
    while True:
        await RisingEdge(dut.clk)
