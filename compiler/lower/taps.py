"""Mover programs: which words, turned by how many lanes and masked how, make a halo or a pooled word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spikewright.compiler.lower.layout import Layout
from spikewright.cost.geometry import GatheredWord, Grid, Windows, Word, halo, shifts


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


def halo_words(table: TapTable, grid: Grid, layout: Layout) -> list[list[Tap]]:
    """Target words of a halo; a word that no lane has a neighbour for is cleared."""
    words = []
    for word in halo((layout.tile_rows, layout.tile_columns)):
        taps = _taps(table, grid, word, layout, layout)
        if not taps:
            (source,) = word.sources
            cleared = table.mask((0,) * grid.tiles)
            taps = [Tap(layout.offset(0, *source.inner), layout.offset(0, *word.target), 0, cleared)]
        words.append(taps)
    return words


def window_words(table: TapTable, grid: Grid, windows: Windows, source: Layout, target: Layout) -> list[list[Tap]]:
    """Target words that are each the OR of a window of source positions."""
    tiles = [(layout.tile_rows, layout.tile_columns) for layout in (source, target)]
    return [_taps(table, grid, word, source, target) for word in windows(*tiles)]


def gathered_words(
    table: TapTable, words: Sequence[GatheredWord], source: Layout, target: Layout, steps: int
) -> list[list[Tap]]:
    """Target words that are gathered position by position, of all tiles; steps: lanes of a token slot."""
    slot = (1 << steps) - 1
    return [
        [
            Tap(
                tap.tile * source.tile_stride + source.offset(0, *tap.inner),
                word.tile * target.tile_stride + target.offset(0, *word.inner),
                tap.turn * steps,
                table.mask((sum(slot << q * steps for q in range(tap.slots.bit_length()) if tap.slots >> q & 1),)),
            )
            for tap in word.taps
        ]
        for word in words
    ]


def same_words(table: TapTable, grid: Grid, source: Layout, target: Layout) -> list[list[Tap]]:
    """Target words that are the source's, position by position."""
    every = table.mask(((1 << grid.lanes) - 1,) * grid.tiles)
    places = [(0, y, x) for y in range(target.tile_rows) for x in range(target.tile_columns)]
    return [[Tap(source.offset(*place), target.offset(*place), 0, every)] for place in places]


def _taps(table: TapTable, grid: Grid, word: Word, source: Layout, target: Layout) -> list[Tap]:
    return [
        Tap(
            source.offset(0, *part.inner) + shift.tiles_away * source.tile_stride,
            target.offset(0, *word.target),
            shift.cells * grid.unit,
            table.mask(shift.masks),
        )
        for part in word.sources
        for shift in shifts(grid, part.rows, part.columns)
    ]
