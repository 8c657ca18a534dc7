"""cocotb side of the wire: what goes in comes out after an edge; says which variables it sees."""

import os

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def passes(dut):
    print("VARIABLES", " ".join(sorted(os.environ)))
    for value in (1, 0):
        dut.d.value = value
        for level in (0, 1):
            dut.clk.value = level
            await Timer(1, unit="ns")
        assert dut.q.value == value
