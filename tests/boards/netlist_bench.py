"""cocotb bench that takes a fingerprint of a design's outputs (test_netlist.py)."""

from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge

from spikewright.sim.benches.stream_bench import given, seeded, start


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def records(dut):
    rng = seeded()
    await start(dut)
    seen = []
    for _ in range(given()["cycles"]):
        dut.enable.value = rng.getrandbits(1)
        dut.at.value = rng.getrandbits(4)
        await RisingEdge(dut.clk)
        seen.append(f"{int(dut.total.value)} {int(dut.kept.value)} {int(dut.flag.value)}")
    Path(given()["into"]).write_text("\n".join(seen))
