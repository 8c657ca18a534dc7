"""Layouts: how a value lies in the channel banks of spike memory. Who makes a value states it, who reads it may ask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Placement:
    """(bank, row) of every channel. Rows may have holes; no two channels share a slot."""

    slots: tuple[tuple[int, int], ...]

    @cached_property
    def rows(self) -> int:
        """Rows of a bank, holes included."""
        return max(row for _, row in self.slots) + 1

    @staticmethod
    def interleaved(channels: int, banks: int) -> Placement:
        """Channel c in bank c mod k."""
        return Placement(tuple((c % banks, c // banks) for c in range(channels)))

    @staticmethod
    def by_head(channels: int, heads: int, banks: int) -> Placement:
        """Every head starts in bank 0 on a row of its own, so that all heads look alike to the attention unit."""
        size = channels // heads
        rows = -(-size // banks)
        return Placement(tuple((i % banks, h * rows + i // banks) for h in range(heads) for i in range(size)))

    @staticmethod
    def everywhere(channels: int) -> Placement:
        """Channel c in row c of all banks (the image): the bank of a slot means nothing."""
        return Placement(tuple((0, c) for c in range(channels)))


@dataclass(frozen=True)
class Layout:
    """How a value lies in a region of the same addresses in every bank.

    Word: ``(tile · groups + group) · block + row · row_words + (y · pitch_x + x) · planes + plane``; y and x count from
    the halo's corner. planes: stride of a position, values may use fewer; cells: rows and columns of token slots, row
    by row in the slots of tile after tile; tiles, groups: of token slots and of steps; tile_rows, tile_columns: words
    of a lane's tile, a column is ``steps`` positions wide where the image is folded; halo: a border of one position
    around each tile; replicated: every bank holds every channel.
    """

    placement: Placement
    planes: int
    cells: tuple[int, int]
    tiles: int
    groups: int
    tile_rows: int = 1
    tile_columns: int = 1
    halo: bool = False
    folded: bool = False
    replicated: bool = False

    @property
    def rows(self) -> int:
        """Rows of a bank, holes included."""
        return self.placement.rows

    @property
    def slots(self) -> int:
        """Token slots in use."""
        return self.cells[0] * self.cells[1]

    @property
    def pitch_x(self) -> int:
        """Positions from one row of a tile to the next."""
        return self.tile_columns + 2 * self.halo

    @property
    def pitch_y(self) -> int:
        """Rows of positions of a tile."""
        return self.tile_rows + 2 * self.halo

    @property
    def row_words(self) -> int:
        """Words of one bank row (channel) in one tile and step group."""
        return self.pitch_x * self.pitch_y * self.planes

    @property
    def block(self) -> int:
        """Words of one tile and step group."""
        return self.rows * self.row_words

    @property
    def tile_stride(self) -> int:
        """Words of one tile."""
        return self.block * self.groups

    @property
    def words(self) -> int:
        """Words of a bank."""
        return self.tile_stride * self.tiles

    def offset(self, row: int = 0, y: int = 0, x: int = 0) -> int:
        """Words from the region's first to a position of a bank row; y, x: of the lane's tile, −1 and beyond: halo."""
        return row * self.row_words + ((y + self.halo) * self.pitch_x + x + self.halo) * self.planes

    def lies_by(self, heads: int, banks: int) -> bool:
        """Whether attention of so many heads can read it: a word a channel, every head from bank 0 on."""
        by_head = Placement.by_head(len(self.placement.slots), heads, banks)
        return self.row_words == 1 and not self.replicated and self.placement == by_head
