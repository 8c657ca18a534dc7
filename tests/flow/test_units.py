"""Which unit a cell is of, by names as yosys and nextpnr write them."""

from pathlib import Path

import pytest

from spikewright.flow.units import units

VERILOG = r"""
module \accelerator.engine.lanes0 (clk, rst);
module \accelerator.engine.capture0$397 (clk);
module \accelerator.engine.fetch(clk);
module \accelerator.engine.fetch.counts (clk);
module \accelerator.engine (clk);
module \accelerator.memory.bank0_0 (clk);
module \accelerator.memory (clk);
module accelerator(pixels__valid, pixels__payload);
"""


@pytest.mark.parametrize(("cell", "unit"), [
    ("linked.accelerator.accelerator.engine.fetch.counts.addr_LUT4_Z", "fetch"),
    ("linked.accelerator.accelerator.engine.lanes0.sums_TRELLIS_FF_Q_1008_DI_CCU2C_S0", "lanes"),
    ("linked_accelerator_accelerator_engine_lanes0_both2_3_TRELLIS_FF_Q_4", "lanes"),
    ("linked.accelerator.accelerator.engine.capture0$397.word4_TRELLIS_FF_Q_9", "capture"),
    ("linked.accelerator.accelerator.engine.skipped$110_TRELLIS_FF_Q_4", "engine"),
    ("linked.accelerator.accelerator.memory.bank0_0.ram.0.0", "memory"),
    ("linked.accelerator.accelerator.tap.mask_TRELLIS_FF_Q", "control"),
    ("linked.link.receiver.checksum_LUT4_Z", "serial link and clock"),
    ("clock.pll_locked_LUT4_D_Z", "serial link and clock"),
    ("$nextpnr_CCU2C_465$CCU2_COMB1", "carry and constants"),
])  # fmt: skip
def test_units_of_cells(cell: str, unit: str, tmp_path: Path) -> None:
    (tmp_path / "accelerator.v").write_text(VERILOG)
    assert units(tmp_path / "accelerator.v")(cell) == unit
