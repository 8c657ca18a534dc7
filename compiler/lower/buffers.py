"""Buffers: how a value lies in the channel banks of spike memory, and which channel lies where."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Placement:
    """(bank, row) of every channel. Rows may have holes; no two channels share a slot."""

    slots: tuple[tuple[int, int], ...]

    @property
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


@dataclass
class Buffer:
    """A region of the same addresses in every bank.

    Word address: ``base + (tile · groups + group) · block + row · row_words + (y · pitch_x + x) · planes + plane``;
    y and x count from the halo's corner.
    """

    name: str
    placement: Placement
    planes: int  # stride of a position; values in it may use fewer
    tiles: int
    groups: int
    tile_rows: int  # positions that a lane holds, rows and columns
    tile_columns: int
    halo: int = 0  # 1: a border of one position
    base: int = 0
    first: int = 0  # descriptor numbers between which it is alive
    last: int = 0
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = self.placement.rows

    @property
    def pitch_x(self) -> int:
        return self.tile_columns + 2 * self.halo

    @property
    def pitch_y(self) -> int:
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
        return self.block * self.groups

    @property
    def words(self) -> int:
        return self.tile_stride * self.tiles

    def offset(self, row: int = 0, y: int = 0, x: int = 0) -> int:
        """Words from the base to a position (y, x of the lane's tile, −1 and beyond: the halo) of a bank row."""
        return row * self.row_words + ((y + self.halo) * self.pitch_x + x + self.halo) * self.planes


def allocate(buffers: list[Buffer]) -> int:
    """Give every buffer a base, first fit by age; regions of buffers alive at the same time never overlap.

    Returns the words of a bank.
    """
    placed: list[Buffer] = []
    depth = 0
    for buffer in sorted(buffers, key=lambda b: (b.first, -b.words, b.name)):
        alive = sorted((b for b in placed if b.first <= buffer.last and buffer.first <= b.last), key=lambda b: b.base)
        base = 0
        for neighbour in alive:
            if base + buffer.words <= neighbour.base:
                break
            base = max(base, neighbour.base + neighbour.words)
        buffer.base = base
        placed.append(buffer)
        depth = max(depth, base + buffer.words)
    return depth
