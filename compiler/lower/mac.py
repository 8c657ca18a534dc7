"""MAC descriptors: loop nests over buffers, the outputs of a layer, and their cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spikewright.compiler.front.neuron import HALF
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import Entry, OutputSlot, lengths, pair_outputs
from spikewright.compiler.target.descriptors import Kind, Mode, no_fields
from spikewright.cost.cycles import hidden_tail, mac_cycles, score_tail, spike_tail


def walk(side: str, layout: Layout) -> dict[str, int]:
    """Address increments of a loop nest over positions, tiles and step groups.

    side: in, out or capture.
    """
    return {
        f"{side}_x": layout.planes,
        f"{side}_y": layout.planes * (layout.pitch_x - layout.tile_columns + 1),
        f"{side}_tile": layout.tile_stride,
        f"{side}_group": layout.block,
    }


def mac_fields(
    context: Context, *, slots: int, source: Layout, target: Layout | None, fields: Mapping[str, int]
) -> dict[str, int]:
    """All fields of a MAC descriptor: those given, else the loops of ``source`` over all step groups, else 0.

    slots: token slots in use; target: how the outputs lie, None for those that leave spike memory.
    """
    shape = context.shape
    tiles = shape.tiles(slots)
    usual = no_fields(Kind.MAC) | walk("in", source)
    if target is not None:
        usual |= walk("out", target)
    if fields.get("fold"):
        assert target is not None
        width = source.tile_columns
        usual["out_fold"] = width * target.planes
        usual["out_y"] = target.planes * (target.pitch_x - width + 1)
    usual |= {
        "columns": source.tile_columns,
        "rows": source.tile_rows,
        "tiles": tiles,
        "groups": context.groups,
        "fold_groups": 1,
        "last_steps": context.last_steps,
        "last_tokens": slots - (tiles - 1) * shape.tokens,
        "head_outputs": 1,
    }
    return usual | dict(fields)


def append_mac(
    context: Context,
    layer: str,
    fields: dict[str, int],
    addresses: Mapping[str, tuple[str, int]],
    outputs: list[OutputSlot],
    *,
    reads: Sequence[Buffer],
    target: Buffer | None,
    completes: str | None = None,
    spikes: str | None = None,
) -> None:
    """Append a MAC whose lists are the outputs'.

    reads: buffers; target: that the outputs' offsets refer to; without one (selector, head) the outputs keep their
    order. completes, spikes: as in ``DescriptorDraft``.
    """
    shape = context.shape
    rows = in_rows(context, outputs) if target is None else pair_outputs(outputs, shape.streams, shape.banks)
    planes, captured, lists = fields["in_planes"], fields["capture_planes"], lengths(rows)
    busiest, pairs = lists.busiest(planes, captured), int(lists.pairs(planes, captured).sum())
    append_walk(
        context, layer, fields, addresses, rows, busiest=busiest, pairs=pairs, reads=reads, target=target,
        completes=completes, spikes=spikes,
    )  # fmt: skip


def in_rows(context: Context, outputs: list[OutputSlot]) -> list[tuple[OutputSlot, ...]]:
    """Outputs in their order, as many in a row as there are streams."""
    streams = context.shape.streams
    padded = outputs + [OutputSlot.nothing(context.shape.banks)] * (-len(outputs) % streams)
    return [tuple(padded[i : i + streams]) for i in range(0, len(padded), streams)]


def append_walk(
    context: Context,
    layer: str,
    fields: dict[str, int],
    addresses: Mapping[str, tuple[str, int]],
    rows: Sequence[tuple[OutputSlot, ...]],
    *,
    busiest: Sequence[int],
    pairs: int,
    reads: Sequence[Buffer],
    target: Buffer | None,
    completes: str | None = None,
    spikes: str | None = None,
) -> None:
    """Append a MAC whose pairs are known; arguments as in ``append_mac``.

    rows: outputs of the streams; busiest, pairs: of each place, pairs of each row's busiest walker, and in all.
    """
    shape = context.shape
    repeats = fields["columns"] * fields["rows"] * fields["tiles"] * fields["groups"]
    fields["outputs"] = len(rows)
    cycles = mac_cycles(
        busiest, repeats=repeats, gap=fields["gap"], banks=shape.banks, skip=shape.skip, tail=_tail(context, fields)
    )
    context.append(
        Kind.MAC, layer, fields, addresses, cycles, uses=[*reads, *([target] if target else [])], outputs=rows,
        pairs=pairs * repeats, target=target.name if target else None, completes=completes, spikes=spikes,
    )  # fmt: skip


def _tail(context: Context, fields: Mapping[str, int]) -> int:
    """Cycles of the last sum in the LIF array and the write-back."""
    mode, fold_groups = fields["mode"], fields["fold_groups"] if fields["fold"] else 0
    lif = context.lif_cycles(fold_groups=fold_groups, shift=fields["shift"])
    if mode == Mode.HIDDEN:
        return hidden_tail(lif)
    if mode in (Mode.SCORE, Mode.HEAD):
        return score_tail(lif, context.shape.tokens)
    return spike_tail(lif, planes=fields["out_planes"])


def outputs_into(
    target: Layout,
    lists: list[list[list[Entry]]],
    bias: np.ndarray,
    threshold: np.ndarray,
    *,
    shift: int,
    leak: np.ndarray | None = None,
    captures: Mapping[int, tuple[int, int]] | None = None,
) -> list[OutputSlot]:
    """Outputs that go to spike memory.

    target: how they lie there; shift: from the layer's grid to the engine's; leak: of each channel, by half where not
    given; captures: channel → bank and offset of the residual word that it is added to.
    """
    outputs = []
    for channel, by_bank in enumerate(lists):
        bank_entries = [list(entries) for entries in by_bank]
        if captures and channel in captures:
            bank, offset = captures[channel]
            bank_entries[bank].append(Entry(offset, 0))
        bank, row = target.placement.slots[channel]
        outputs.append(
            OutputSlot(
                tuple(map(tuple, bank_entries)),
                int(bias[channel]) << shift,
                int(threshold[channel]) << shift,
                bank,
                target.offset(row),
                HALF if leak is None else int(leak[channel]),
            )
        )
    return outputs


def outputs_outside(
    context: Context, lists: list[list[list[Entry]]], bias: np.ndarray, *, shift: int
) -> list[OutputSlot]:
    """Outputs that go to the selector or the results, not to spike memory."""
    return [
        OutputSlot(tuple(map(tuple, by_bank)), int(bias[channel]) << shift, 0, channel % context.shape.banks, 0)
        for channel, by_bank in enumerate(lists)
    ]
