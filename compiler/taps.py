"""Mover programs: which words, turned by how many lanes and masked how, make a halo or a pooled word."""

from __future__ import annotations

from dataclasses import dataclass, field

from .buffers import Buffer


@dataclass(frozen=True)
class Grid:
    """Cells of the lanes: ``rows × columns`` in raster order, ``unit`` lanes each, over tiles of ``lanes`` lanes."""

    rows: int
    columns: int
    unit: int
    lanes: int

    @property
    def cells_per_tile(self) -> int:
        return self.lanes // self.unit

    @property
    def tiles(self) -> int:
        return -(-self.rows * self.columns // self.cells_per_tile)


@dataclass(frozen=True)
class Tap:
    """One source word of a target word; ``mask`` numbers a mask of tile 0, those of the other tiles follow it."""

    source: int
    target: int
    rotate: int
    mask: int


@dataclass
class TapTable:
    """All taps and lane masks of a program; equal mask sets are stored once."""

    taps: list[Tap] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    _known: dict[tuple[int, ...], int] = field(default_factory=dict)

    def mask(self, masks: tuple[int, ...]) -> int:
        """Number of the first of ``masks`` (one a tile)."""
        if masks not in self._known:
            self._known[masks] = len(self.masks)
            self.masks.extend(masks)
        return self._known[masks]

    def words(self, words: list[list[Tap]]) -> tuple[int, int, int]:
        """Append target words; all get as many taps as the longest. Returns (first tap, words, taps a word)."""
        first = len(self.taps)
        count = max(len(word) for word in words)
        for word in words:
            empty = Tap(word[0].source, word[0].target, 0, self.mask(self._nothing(word[0])))
            self.taps.extend(word + [empty] * (count - len(word)))
        return first, len(words), count

    def _nothing(self, tap: Tap) -> tuple[int, ...]:
        sizes = [len(key) for key, number in self._known.items() if number == tap.mask]
        return (0,) * sizes[0]


def shifted(
    table: TapTable, grid: Grid, *, source: int, target: int, tile_stride: int, rows: int, columns: int
) -> list[Tap]:
    """Taps that bring each cell its neighbour ``rows`` below and ``columns`` to the right; none over the border.

    source, target: word offsets; tile_stride: source words from one tile to the next.
    """
    cells = grid.cells_per_tile
    distance = rows * grid.columns + columns
    tiles_away, turn = divmod(distance, cells)
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
            taps.append(Tap(source + away * tile_stride, target, turn * grid.unit, table.mask(tuple(masks))))
    return taps


def _neighbour(position: int, size: int) -> tuple[int, int]:
    """(position in the lane that holds it, lanes away) of a position that may lie one outside the lane's tile."""
    away = -1 if position < 0 else 1 if position >= size else 0
    return position - away * size, away


def halo_words(table: TapTable, grid: Grid, buffer: Buffer) -> list[list[Tap]]:
    """Target words of a buffer's halo; a word that no lane has a neighbour for is cleared."""
    words = []
    for y in range(-1, buffer.tile_rows + 1):
        for x in range(-1, buffer.tile_columns + 1):
            inner_y, rows = _neighbour(y, buffer.tile_rows)
            inner_x, columns = _neighbour(x, buffer.tile_columns)
            if rows == 0 and columns == 0:
                continue
            source, target = buffer.offset(0, inner_y, inner_x), buffer.offset(0, y, x)
            taps = shifted(
                table,
                grid,
                source=source,
                target=target,
                tile_stride=buffer.tile_stride,
                rows=rows,
                columns=columns,
            )
            words.append(taps or [Tap(source, target, 0, table.mask((0,) * grid.tiles))])
    return words


def pool_words(table: TapTable, grid: Grid, source: Buffer, target: Buffer) -> list[list[Tap]]:
    """Target words of the OR-pool 3×3, stride 2, padding 1."""
    words = []
    for y in range(target.tile_rows):
        for x in range(target.tile_columns):
            taps = []
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    inner_y, rows = _neighbour(2 * y + dy, source.tile_rows)
                    inner_x, columns = _neighbour(2 * x + dx, source.tile_columns)
                    taps += shifted(
                        table,
                        grid,
                        source=source.offset(0, inner_y, inner_x),
                        target=target.offset(0, y, x),
                        tile_stride=source.tile_stride,
                        rows=rows,
                        columns=columns,
                    )
            words.append(taps)
    return words
