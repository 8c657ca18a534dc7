"""MOVE descriptors: target words that the mover makes of source words, and the halo of a buffer."""

from __future__ import annotations

from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.taps import Tap, halo_words
from spikewright.compiler.target.descriptors import Kind
from spikewright.cost.cycles import move_cycles


def move(
    context: Context,
    layer: str,
    words: list[list[Tap]],
    source: Buffer,
    target: Buffer,
    *,
    planes: int,
    completes: str | None = None,
) -> None:
    """Append a MOVE of every bank row.

    words: taps of each target word; completes: value that is whole then.
    """
    first, count, taps = context.lowered.table.words(words)
    come, go = source.layout, target.layout
    fields = {
        "source_row": come.row_words,
        "source_tile": come.tile_stride,
        "source_group": come.block,
        "target_row": go.row_words,
        "target_tile": go.tile_stride,
        "target_group": go.block,
        "rows": come.rows,
        "tiles": go.tiles,
        "groups": go.groups,
        "words": count,
        "taps": taps,
        "planes": planes,
        "table": first,
        "mask_tile": 1,
    }
    cycles = move_cycles(rows=come.rows, tiles=go.tiles, groups=go.groups, words=count, planes=planes, taps=taps)
    addresses = {"source": (source.name, 0), "target": (target.name, 0)}
    context.append(Kind.MOVE, layer, fields, addresses, cycles, uses=(source, target), completes=completes)


def fill_halo(context: Context, value: str) -> None:
    """Append the MOVE that fills the halo around the tiles of a value, if it has one; once the value is whole."""
    buffer = context.home(value)
    if buffer.layout.halo:
        words = halo_words(context.lowered.table, context.cells(buffer.layout), buffer.layout)
        planes = context.graph.values[value].planes
        move(context, value, words, buffer, buffer, planes=planes, completes=value)
