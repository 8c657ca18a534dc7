"""The rows of the compression figures, from the cells that have been trained (``python benchmarks/run.py cells``)."""

from __future__ import annotations

from benchmarks.compression import engine_rows, guided_rows, lottery_rows, pruning_rows, search_rows, together_rows
from benchmarks.results import Row


def rows() -> list[Row]:
    """Every row whose cells are there."""
    parts = (lottery_rows, pruning_rows, together_rows, engine_rows, search_rows, guided_rows)
    return [row for part in parts for row in part.rows()]
