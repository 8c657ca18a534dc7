"""Lowering of the token selector: its MLP on the lanes, the ranking, the compaction by the mover."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.ir import Value
from spikewright.compiler.front.limits import SELECTOR_SHIFT
from spikewright.compiler.front.ops import Select
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.lowered import PLAN_MASKS, PLAN_TAPS, LoweringError
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, outputs_outside
from spikewright.compiler.lower.placement import Reader, place
from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.cost.cycles import HIDDEN_PLANES, compaction_taps, hidden_gap, move_cycles, score_gap, select_cycles
from spikewright.models.package_schema import Scheme


def lower_select(context: Context, op: Select) -> None:
    """Both layers of the selector's MLP, the ranking, and the compaction of ``op``."""
    source_value, source = context.graph.values[op.inputs[0]], context.home(op.inputs[0])
    hidden = _lower_hidden(context, op, source_value, source)
    _lower_score(context, op, source_value, hidden)
    _lower_ranking(context, op, source_value, source)
    _lower_compaction(context, op, source_value, source)


def _lower_hidden(context: Context, op: Select, value: Value, source: Buffer) -> Buffer:
    shape, fraction_bits = context.shape, context.lowered.fraction_bits
    slots, channels = context.slots(value), op.hidden.codes.shape[0]
    entries = (op.score.codes != 0).astype(np.int64)
    placement = place(channels, shape.banks, [Reader(entries, HIDDEN_PLANES, shape.tiles(slots), 1)])
    hidden_value = Value(f"{op.name}.hidden", 1, value.tokens, channels, None, False, None, HIDDEN_PLANES)
    hidden = context.new_buffer(hidden_value, planes=HIDDEN_PLANES, groups=1, placement=placement)
    context.touch(value.name)
    shift = op.shift + fraction_bits - op.hidden_fraction_bits
    if shift > 31:
        refusal = SELECTOR_SHIFT.text(shift=op.shift, fraction_bits=fraction_bits, needed=shift)
        raise LoweringError(f"{op.name}: {refusal}")
    fields = {
        "mode": Mode.HIDDEN,
        "pot": int(op.hidden.scheme is Scheme.POT),
        "in_planes": value.planes,
        "in_signed": int(value.signed),
        "out_planes": HIDDEN_PLANES,
        "gap": hidden_gap(shape.steps, shift),
        "shift": shift,
        "out_group": 0,  # one word for all step groups
    }
    lists = bank_lists(op.hidden.codes, source, shape.banks, replicated=False, start=0)
    none = np.zeros_like(op.hidden_bias)
    append_mac(
        context,
        f"{op.name}.hidden",
        mac_fields(context, slots=slots, source=source, target=hidden, fields=fields),
        {"in_base": (source.name, source.offset())},
        outputs_into(hidden, lists, op.hidden_bias, none, shift=fraction_bits - op.hidden_fraction_bits),
        target=hidden.name,
    )
    return hidden


def _lower_score(context: Context, op: Select, value: Value, hidden: Buffer) -> None:
    shape = context.shape
    context.touch(hidden.name)
    fields = {
        "mode": Mode.SCORE,
        "pot": int(op.score.scheme is Scheme.POT),
        "in_planes": HIDDEN_PLANES,
        "out_planes": 1,
        "gap": score_gap(shape.steps, shape.tokens),
        "in_group": 0,
        "groups": 1,
        "last_steps": 1,
    }
    lists = bank_lists(op.score.codes, hidden, shape.banks, replicated=False, start=0)
    shift = context.lowered.fraction_bits - op.score_fraction_bits
    append_mac(
        context,
        f"{op.name}.score",
        mac_fields(context, slots=context.slots(value), source=hidden, target=None, fields=fields),
        {"in_base": (hidden.name, hidden.offset())},
        outputs_outside(context, lists, op.score_bias, shift=shift),
        target=None,
    )


def _plan(context: Context, op: Select, value: Value) -> tuple[int, int]:
    """Target tiles of the compaction, and taps for each."""
    slots = context.shape.tokens
    taps = compaction_taps(slots=slots, keep=op.keep, tokens=context.slots(value))
    return context.shape.tiles(op.keep), taps


def _lower_ranking(context: Context, op: Select, value: Value, source: Buffer) -> None:
    tiles, taps = _plan(context, op, value)
    tokens, entries = context.slots(value), tiles * taps
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
            "tile_stride": source.tile_stride,
        },
        {"table": (PLAN_TAPS, first), "mask": (PLAN_MASKS, first)},
        select_cycles(tokens=tokens, score_bits=bits, entries=entries),
    )


def _lower_compaction(context: Context, op: Select, value: Value, source: Buffer) -> None:
    result = context.graph.values[op.name]
    tiles, taps = _plan(context, op, value)
    if context.in_place(op):
        target = source
        context.lowered.homes[result.name] = source.name
    else:
        # the plan knows one distance from tile to tile, for reading and writing
        target = context.new_buffer(result, planes=source.planes, placement=source.placement)
    context.touch(value.name, result.name)
    fields = {
        "source_row": source.row_words,
        "source_tile": 0,
        "source_group": source.block,
        "target_row": target.row_words,
        "target_tile": 0,
        "target_group": target.block,
        "rows": source.rows,
        "tiles": 1,
        "groups": context.groups,
        "words": tiles,
        "taps": taps,
        "planes": value.planes,
        "mask_tile": 0,
    }
    first = context.lowered.plan_entries - tiles * taps
    context.append(
        Kind.MOVE,
        op.name,
        fields,
        {"source": (source.name, 0), "target": (target.name, 0), "table": (PLAN_TAPS, first)},
        move_cycles(rows=source.rows, tiles=1, groups=context.groups, words=tiles, planes=value.planes, taps=taps),
    )
