"""All cells of the compression figures, in an order in which one finds the checkpoints that it shares with another."""

from __future__ import annotations

from benchmarks.compression import (
    engine_cells,
    guided_cells,
    lottery_cells,
    pruning_cells,
    search_cells,
    together_cells,
)
from benchmarks.compression.protocol import Cell

CELLS: dict[str, Cell] = {
    **lottery_cells.CELLS,
    **pruning_cells.CELLS,
    **together_cells.CELLS,
    **engine_cells.CELLS,
    **search_cells.CELLS,
    **guided_cells.CELLS,
}
