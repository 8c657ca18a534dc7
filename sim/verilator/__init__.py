"""Verilog to a simulator (``build``), cocotb benches on it (``run``), both at once for one component (``bench``)."""
