"""Where the mover's words come from: pure geometry of grids, tiles and lanes, the same for every network of a size.

A token slot holds a tile of positions, those of a cell: the neighbours of a position are in the same lane, but at the
borders of the tile, where they lie some lanes away. Between values whose cells differ, every position moves by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

Position = tuple[int, int]  # row, column; of a lane's tile, −1 and beyond are its halo
#: What a pool makes of a window: the OR of 3×3 spikes, or how many of 2×2 there are.
PoolFunction = Literal["or", "count"]


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
    """A position that the mover fills, and what it is the OR, or the sum, of."""

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


def count_pool(source: Position, target: Position) -> list[Word]:
    """The pool that counts the spikes of 2×2 windows, stride 2, from one tile into another."""
    window = [(dy, dx) for dy in (0, 1) for dx in (0, 1)]
    return [
        Word((y, x), tuple(source_of(2 * y + dy, 2 * x + dx, source) for dy, dx in window))
        for y in range(target[0])
        for x in range(target[1])
    ]


def longest(words: list[Word], grid: Grid) -> int:
    """Taps a word: all words of a table take as many as the one that needs most."""
    return max(word.taps(grid) for word in words)


@dataclass(frozen=True)
class Lies:
    """Positions of ``grid`` in token slots, a slot for each of ``cells``."""

    grid: Position
    cells: Position

    @property
    def tile(self) -> Position:
        """Positions of a slot."""
        return self.grid[0] // self.cells[0], self.grid[1] // self.cells[1]

    def place(self, row: int, column: int) -> tuple[int, Position]:
        """Slot of a position, and where in its tile it is."""
        (y, inner_y), (x, inner_x) = divmod(row, self.tile[0]), divmod(column, self.tile[1])
        return y * self.cells[1] + x, (inner_y, inner_x)


@dataclass(frozen=True)
class GatherTap:
    """A source word, turned by ``turn`` slots; slots: bit q is set where slot q of the target takes it."""

    tile: int
    inner: Position
    turn: int
    slots: int


@dataclass(frozen=True)
class GatheredWord:
    """A word of tile ``tile`` of the target, and what it is the OR, or the sum, of."""

    tile: int
    inner: Position
    taps: tuple[GatherTap, ...]


@lru_cache(maxsize=256)
def gather(source: Lies, target: Lies, slots: int, pool: PoolFunction | None = None) -> tuple[GatheredWord, ...]:
    """The words of a value made of one whose cells are others: the same positions, or a pool's windows.

    slots: token slots of a word.
    """
    words: dict[tuple[int, Position], dict[tuple[int, Position, int], int]] = {}
    for row, column in product(range(target.grid[0]), range(target.grid[1])):
        slot, inner = target.place(row, column)
        tile, q = divmod(slot, slots)
        taps = words.setdefault((tile, inner), {})
        for y, x in _window(row, column, source.grid, pool):
            other, within = source.place(y, x)
            key = (other // slots, within, (other - q) % slots)
            taps[key] = taps.get(key, 0) | 1 << q
    return tuple(
        GatheredWord(tile, inner, tuple(GatherTap(*key, mask) for key, mask in taps.items()))
        for (tile, inner), taps in sorted(words.items())
    )


def _window(row: int, column: int, grid: Position, pool: PoolFunction | None) -> list[Position]:
    if pool is None:
        return [(row, column)]
    span = range(-1, 2) if pool == "or" else range(2)
    near = [(2 * row + dy, 2 * column + dx) for dy in span for dx in span]
    return [(y, x) for y, x in near if 0 <= y < grid[0] and 0 <= x < grid[1]]
