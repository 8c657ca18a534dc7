"""Cells: which grid's positions are the token slots of a value. A slot holds a tile of positions of a finer grid.

Few large tiles make cheap halos; a grid with fewer cells than a word has slots leaves lanes idle. So each grid of a
network lies either on the smallest grid, or on the one that fills words best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from spikewright.cost.geometry import Position

#: Grid → the grid, itself or a coarser one, whose cells are its token slots.
Cells = Mapping[Position, Position]


def on_the_smallest(grids: Iterable[Position]) -> Cells:
    """Every grid on the smallest."""
    every = list(grids)
    smallest = min(every, key=_area)
    return dict.fromkeys(every, smallest)


def in_full_words(grids: Iterable[Position], slots: int) -> Cells:
    """Every grid on the one, itself or a coarser one, that leaves fewest slots of words idle; the coarsest of these.

    slots: token slots of a word.
    """
    every = sorted(set(grids), key=_area)

    def use(cells: Position) -> Fraction:
        return Fraction(_area(cells), -(-_area(cells) // slots) * slots)

    return {
        grid: max((cells for cells in every if _divides(cells, grid)), key=lambda cells: (use(cells), -_area(cells)))
        for grid in every
    }


def _area(grid: Position) -> int:
    return grid[0] * grid[1]


def _divides(cells: Position, grid: Position) -> bool:
    return grid[0] % cells[0] == 0 and grid[1] % cells[1] == 0
