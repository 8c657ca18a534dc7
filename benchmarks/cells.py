"""All cells of the compression figures, in an order in which one finds the checkpoints that it shares with another."""

import cells_guided
import cells_hardware
import cells_lottery
import cells_pruning
import cells_search
from protocol import Cell

CELLS: dict[str, Cell] = {
    **cells_lottery.CELLS,
    **cells_pruning.CELLS,
    **cells_hardware.CELLS,
    **cells_search.CELLS,
    **cells_guided.CELLS,
}
