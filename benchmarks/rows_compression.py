"""The rows of the compression figures, from the cells that have been computed (benchmarks/compression.py)."""

from __future__ import annotations

import rows_guided
import rows_hardware
import rows_lottery
import rows_pruning
import rows_search
from results import Row


def rows() -> list[Row]:
    """Every row whose cells are there."""
    parts = (rows_lottery, rows_pruning, rows_hardware, rows_search, rows_guided)
    return [row for part in parts for row in part.rows()]
