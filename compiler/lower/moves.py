"""MOVE descriptors: target words that the mover makes of source words, and the halo of a buffer."""

from __future__ import annotations

from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.taps import Tap, gathered_words, halo_words
from spikewright.compiler.target.descriptors import Kind
from spikewright.cost.cycles import move_cycles
from spikewright.cost.geometry import Lies, PoolFunction, gather


def move(
    context: Context,
    layer: str,
    words: list[list[Tap]],
    source: Buffer,
    target: Buffer,
    *,
    planes: int,
    counts: bool = False,
    by_tile: bool = True,
    completes: str | None = None,
) -> None:
    """Append a MOVE of every bank row.

    words: taps of each target word, of one tile, the same in all (by_tile), or of all tiles; planes: of a target word;
    counts: its taps are counted, not OR-ed; completes: value that is whole then.
    """
    first, count, taps = context.lowered.table.words(words)
    come, go = source.layout, target.layout
    tiles = go.tiles if by_tile else 1
    fields = {
        "source_row": come.row_words,
        "source_tile": come.tile_stride,
        "source_group": come.block,
        "target_row": go.row_words,
        "target_tile": go.tile_stride,
        "target_group": go.block,
        "rows": come.rows,
        "tiles": tiles,
        "groups": go.groups,
        "words": count,
        "taps": taps,
        "planes": planes,
        "table": first,
        "mask_tile": 1,
        "counts": int(counts),
    }
    cycles = move_cycles(rows=come.rows, tiles=tiles, groups=go.groups, words=count, planes=planes, taps=taps)
    addresses = {"source": (source.name, 0), "target": (target.name, 0)}
    context.append(Kind.MOVE, layer, fields, addresses, cycles, uses=(source, target), completes=completes)


def lay(
    context: Context,
    layer: str,
    source: tuple[Lies, Buffer],
    target: tuple[Lies, Buffer],
    *,
    planes: int,
    pool: PoolFunction | None = None,
    completes: str | None = None,
) -> None:
    """Append a MOVE between layouts whose cells differ, position by position, or window by window of a pool."""
    (come, here), (go, there) = source, target
    words = gathered_words(
        context.lowered.table, gather(come, go, context.shape.tokens, pool), here.layout, there.layout,
        context.shape.steps,
    )  # fmt: skip
    move(
        context, layer, words, here, there, planes=planes, counts=pool == "count", by_tile=False, completes=completes
    )  # fmt: skip


def fill_halo(context: Context, value: str) -> None:
    """Append the MOVE that fills the halo around the tiles of a value, if it has one; once the value is whole."""
    buffer = context.home(value)
    if buffer.layout.halo:
        words = halo_words(context.lowered.table, context.cells(buffer.layout), buffer.layout)
        planes = context.graph.values[value].planes
        move(context, value, words, buffer, buffer, planes=planes, completes=value)
