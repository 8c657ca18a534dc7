"""Lowering of the token selector: its MLP on the lanes, the ranking, the compaction by the mover."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.ir import Value
from spikewright.compiler.front.ops import Select
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.lowered import PLAN_MASKS, PLAN_TAPS
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, outputs_outside
from spikewright.compiler.lower.placement import Reader, place
from spikewright.compiler.lower.residual import read
from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.cost.cycles import HIDDEN_PLANES, compaction_taps, hidden_gap, move_cycles, score_gap, select_cycles
from spikewright.models.package_schema import Scheme


def lower_select(context: Context, op: Select) -> None:
    """Both layers of the selector's MLP, the ranking, and the compaction of ``op``."""
    source_value, source = context.graph.values[op.inputs[0]], read(context, op.name, op.inputs[0])
    hidden = _lower_hidden(context, op, source_value, source)
    _lower_score(context, op, source_value, hidden)
    target = context.make(op.name)
    _lower_ranking(context, op, source_value, source.layout, target.layout)
    _lower_compaction(context, op, source_value, source, target)


def _lower_hidden(context: Context, op: Select, value: Value, source: Buffer) -> Buffer:
    shape, fraction_bits = context.shape, context.lowered.fraction_bits
    tiles, channels = shape.tiles(value.tokens), op.hidden.codes.shape[0]
    entries = (op.score.codes != 0).astype(np.int64)
    placement = place(channels, shape.banks, [Reader(entries, HIDDEN_PLANES, tiles, 1)])
    # no value has a name with a blank in it
    hidden = context.add(f"{op.name} hidden", Layout(placement, HIDDEN_PLANES, (1, value.tokens), tiles, groups=1))
    shift = op.shift + fraction_bits - op.hidden_fraction_bits
    fields = {
        "mode": Mode.HIDDEN,
        "pot": int(op.hidden.scheme is Scheme.POT),
        "in_planes": value.planes,
        "in_signed": int(value.signed),
        "out_planes": HIDDEN_PLANES,
        "gap": hidden_gap(context.lif_cycles(shift=shift)),
        "shift": shift,
        "out_group": 0,  # one word for all step groups
    }
    lists = bank_lists(op.hidden.codes, source.layout, shape.banks)
    none = np.zeros_like(op.hidden_bias)
    append_mac(
        context,
        f"{op.name}.hidden",
        mac_fields(context, slots=value.tokens, source=source.layout, target=hidden.layout, fields=fields),
        {"in_base": (source.name, source.layout.offset())},
        outputs_into(hidden.layout, lists, op.hidden_bias, none, shift=fraction_bits - op.hidden_fraction_bits),
        reads=[source],
        target=hidden,
    )
    return hidden


def _lower_score(context: Context, op: Select, value: Value, hidden: Buffer) -> None:
    shape = context.shape
    fields = {
        "mode": Mode.SCORE,
        "pot": int(op.score.scheme is Scheme.POT),
        "in_planes": HIDDEN_PLANES,
        "out_planes": 1,
        "gap": score_gap(context.lif_cycles(), shape.tokens),
        "in_group": 0,
        "groups": 1,
        "last_steps": 1,
    }
    lists = bank_lists(op.score.codes, hidden.layout, shape.banks)
    shift = context.lowered.fraction_bits - op.score_fraction_bits
    append_mac(
        context,
        f"{op.name}.score",
        mac_fields(context, slots=value.tokens, source=hidden.layout, target=None, fields=fields),
        {"in_base": (hidden.name, hidden.layout.offset())},
        outputs_outside(context, lists, op.score_bias, shift=shift),
        reads=[hidden],
        target=None,
    )


def _plan(context: Context, op: Select, value: Value) -> tuple[int, int]:
    """Target tiles of the compaction, and taps for each."""
    slots = context.shape.tokens
    taps = compaction_taps(slots=slots, keep=op.keep, tokens=value.tokens)
    return context.shape.tiles(op.keep), taps


def _lower_ranking(context: Context, op: Select, value: Value, source: Layout, target: Layout) -> None:
    tiles, taps = _plan(context, op, value)
    tokens, entries = value.tokens, tiles * taps
    scores = op.score_accumulator
    assert scores is not None
    bits = scores.bits + int(not scores.signed) + context.lowered.fraction_bits - op.score_fraction_bits
    first = context.lowered.plan_entries
    context.lowered.plan_entries += entries
    context.append(
        Kind.SELECT,
        op.name,
        {
            "tokens": tokens,
            "keep": op.keep,
            "score_bits": bits,
            "taps": taps,
            "entries": entries,
            "source_tile": source.tile_stride if source.tiles > 1 else 0,
            "target_tile": target.tile_stride if target.tiles > 1 else 0,
        },
        {"table": (PLAN_TAPS, first), "mask": (PLAN_MASKS, first)},
        select_cycles(tokens=tokens, score_bits=bits, entries=entries),
    )


def _lower_compaction(context: Context, op: Select, value: Value, source: Buffer, target: Buffer) -> None:
    tiles, taps = _plan(context, op, value)
    come, go = source.layout, target.layout
    fields = {
        "source_row": come.row_words,
        "source_tile": 0,
        "source_group": come.block,
        "target_row": go.row_words,
        "target_tile": 0,
        "target_group": go.block,
        "rows": come.rows,
        "tiles": 1,
        "groups": context.groups,
        "words": tiles,
        "taps": taps,
        "planes": value.planes,
        "mask_tile": 0,
        "counts": 0,
    }
    first = context.lowered.plan_entries - tiles * taps
    context.append(
        Kind.MOVE,
        op.name,
        fields,
        {"source": (source.name, come.offset()), "target": (target.name, go.offset()), "table": (PLAN_TAPS, first)},
        move_cycles(rows=come.rows, tiles=1, groups=context.groups, words=tiles, planes=value.planes, taps=taps),
        uses=(source, target),
        completes=op.name,
    )
