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
    values: tuple[str, ...],
) -> None:
    """Append a MOVE of every bank row.

    words: taps of each target word; values: that it reads and makes.
    """
    first, count, taps = context.lowered.table.words(words)
    fields = {
        "source_row": source.row_words,
        "source_tile": source.tile_stride,
        "source_group": source.block,
        "target_row": target.row_words,
        "target_tile": target.tile_stride,
        "target_group": target.block,
        "rows": source.rows,
        "tiles": target.tiles,
        "groups": target.groups,
        "words": count,
        "taps": taps,
        "planes": planes,
        "table": first,
        "mask_tile": 1,
    }
    cycles = move_cycles(
        rows=source.rows, tiles=target.tiles, groups=target.groups, words=count, planes=planes, taps=taps
    )
    context.touch(*values)
    context.append(Kind.MOVE, layer, fields, {"source": (source.name, 0), "target": (target.name, 0)}, cycles)


def move_halo(context: Context, value: str, layer: str, *, unit: int, planes: int) -> None:
    """Append the MOVE that fills the halo of a value's buffer, if it has one; only once the buffer is final."""
    buffer = context.home(value)
    if buffer.halo:
        words = halo_words(context.lowered.table, context.cells(unit), buffer)
        move(context, layer, words, buffer, buffer, planes=planes, values=(value,))
