"""Golden model, cocotb benches, simulation runner and comparison."""
