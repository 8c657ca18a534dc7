"""The cocotb side of the whole-accelerator bench: start it, wait for its end, check how it ended."""

from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from spikewright.sim.benches.stream_bench import given


@cocotb.test()
async def images(dut: Any) -> None:
    """All images of the run are answered, each in time."""
    run = given()
    dut.image_bytes.value = run["image_bytes"]
    dut.images.value = run["images"]
    dut.patience.value = run["patience"]
    dut.stall.value = run["stall"]
    dut.tracing.value = run["tracing"]
    dut.go.value = 1
    await RisingEdge(dut.done)
    assert not dut.timed_out.value, f"no answer within {run['patience']} cycles"
