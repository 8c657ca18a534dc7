"""Where the mover's words come from: pure geometry of grids, tiles and lanes, the same for every network of a size.

A token slot holds a tile of positions; a value on a grid finer than the token grid has its neighbours in the same lane,
but at the borders of the tile, where they lie some lanes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

Position = tuple[int, int]  # row, column; of a lane's tile, −1 and beyond are its halo


def token_grid(grids: Iterable[Position]) -> Position:
    """The grid whose cells are token slots: the smallest of a network's."""
    return min(grids, key=lambda grid: grid[0] * grid[1])


@dataclass(frozen=True)
class Grid:
    """Cells of the lanes: ``rows × columns`` in raster order, ``unit`` lanes each, over words of ``lanes`` lanes."""

    rows: int
    columns: int
    unit: int
    lanes: int

    @property
    def cells_per_tile(self) -> int:
        """Cells in a word."""
        return self.lanes // self.unit

    @property
    def tiles(self) -> int:
        """Words that hold all cells."""
        return -(-self.rows * self.columns // self.cells_per_tile)


@dataclass(frozen=True)
class Shift:
    """One tap: the word that is ``tiles_away``, turned by ``cells``.

    masks: the lanes that it gives, of each tile.
    """

    tiles_away: int
    cells: int
    masks: tuple[int, ...]


@lru_cache(maxsize=4096)
def shifts(grid: Grid, rows: int, columns: int) -> tuple[Shift, ...]:
    """What brings each cell its neighbour ``rows`` below and ``columns`` to the right; none over the border."""
    cells = grid.cells_per_tile
    tiles_away, turn = divmod(rows * grid.columns + columns, cells)
    taps = []
    # cells up to the turn come from tile t + tiles_away, those behind it from the tile after
    for away, low, high in ((tiles_away, 0, cells - turn), (tiles_away + 1, cells - turn, cells)):
        masks = []
        for tile in range(grid.tiles):
            mask = 0
            for local in range(low, high):
                y, x = divmod(tile * cells + local, grid.columns)
                if y < grid.rows and 0 <= y + rows < grid.rows and 0 <= x + columns < grid.columns:
                    mask |= ((1 << grid.unit) - 1) << (local * grid.unit)
            masks.append(mask)
        if any(masks):
            taps.append(Shift(away, turn, tuple(masks)))
    return tuple(taps)


@dataclass(frozen=True)
class WordSource:
    """A position in the tile of the lane that is ``rows`` and ``columns`` cells away."""

    inner: Position
    rows: int
    columns: int


@dataclass(frozen=True)
class Word:
    """A position that the mover fills, and what it is the OR of."""

    target: Position
    sources: tuple[WordSource, ...]

    def taps(self, grid: Grid) -> int:
        """Source words; a position that nothing reaches is cleared by one."""
        return max(1, sum(len(shifts(grid, source.rows, source.columns)) for source in self.sources))


#: What a mover op is: from the tiles of source and target, the target positions and their sources.
Windows = Callable[[Position, Position], list[Word]]


def source_of(y: int, x: int, tile: Position) -> WordSource:
    """A position that may lie one outside the lane's tile."""
    away = tuple(-1 if at < 0 else 1 if at >= size else 0 for at, size in zip((y, x), tile, strict=True))
    return WordSource((y - away[0] * tile[0], x - away[1] * tile[1]), away[0], away[1])


def halo(tile: Position) -> list[Word]:
    """The border of one position around a tile of rows × columns."""
    words = []
    for y in range(-1, tile[0] + 1):
        for x in range(-1, tile[1] + 1):
            source = source_of(y, x, tile)
            if source.rows or source.columns:
                words.append(Word((y, x), (source,)))
    return words


def or_pool(source: Position, target: Position) -> list[Word]:
    """The OR-pool 3×3, stride 2, padding 1, from one tile into another."""
    window = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return [
        Word((y, x), tuple(source_of(2 * y + dy, 2 * x + dx, source) for dy, dx in window))
        for y in range(target[0])
        for x in range(target[1])
    ]


def longest(words: list[Word], grid: Grid) -> int:
    """Taps a word: all words of a table take as many as the one that needs most."""
    return max(word.taps(grid) for word in words)
