"""Lowering of the token selector: its MLP on the lanes, the ranking, the compaction by the mover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spikewright.cost import cycles as cost

from .buffers import Buffer
from .descriptors import Kind, Mode
from .ir import Compare, Neuron, Reset, Select, Value
from .lists import bank_lists
from .lowered import PLAN_MASKS, PLAN_TAPS, LoweringError
from .passes.placement import Reader, place

if TYPE_CHECKING:
    from .lowering import Lowering


@dataclass(frozen=True)
class _Affine:
    """A bias without a neuron, in the shape that ``outputs`` wants."""

    bias: np.ndarray

    def neuron(self) -> Neuron:
        return Neuron(8, Reset.HARD, Compare.GE, 0, np.zeros_like(self.bias), self.bias)


def lower_select(low: Lowering, op: Select) -> None:
    """Both layers of the selector's MLP, the ranking, and the compaction of ``op``."""
    shape = low.shape
    source_value, source = low.graph.values[op.inputs[0]], low.out.home(op.inputs[0])
    hidden_channels = op.hidden.codes.shape[0]
    f = low.out.fraction_bits
    slots = low.slots(source_value)
    hidden_value = Value(
        f"{op.name}.hidden", 1, source_value.tokens, hidden_channels, None, False, None, cost.HIDDEN_PLANES
    )
    entries = (op.score.codes != 0).astype(np.int64)
    placement = place(hidden_channels, shape.banks, [Reader(entries, cost.HIDDEN_PLANES, low.tiles(slots), 1)])
    hidden = low.new_buffer(hidden_value, planes=cost.HIDDEN_PLANES, groups=1, placement=placement)
    low.touch(source_value.name)
    shift = op.shift + f - op.hidden_fraction_bits
    if shift > 31:
        raise LoweringError(f"{op.name}: shift {op.shift} and {f} fraction bits need a shift of {shift}, at most 31")
    fields = low.mac_fields(
        mode=Mode.HIDDEN,
        pot=int(op.hidden.scheme == "pot"),
        in_planes=source_value.planes,
        in_signed=int(source_value.signed),
        out_planes=cost.HIDDEN_PLANES,
        gap=cost.hidden_gap(shape.steps, shift),
        shift=shift,
        out_group=0,  # one word for all step groups
        slots=slots,
        source=source,
        target=hidden,
    )
    lists = bank_lists(op.hidden.codes, source, shape.banks, replicated=False, start=0)
    parameters = _Affine(op.hidden_bias)
    low.mac(
        f"{op.name}.hidden",
        fields,
        {"in_base": (source.name, source.offset())},
        low.outputs(lists, {}, hidden, parameters.neuron(), f - op.hidden_fraction_bits),
        target=hidden.name,
    )
    low.touch(hidden.name)
    fields = low.mac_fields(
        mode=Mode.SCORE,
        pot=int(op.score.scheme == "pot"),
        in_planes=cost.HIDDEN_PLANES,
        out_planes=1,
        gap=cost.score_gap(shape.steps, shape.tokens),
        in_group=0,
        groups=1,
        last_steps=1,
        slots=slots,
        source=hidden,
        target=None,
    )
    lists = bank_lists(op.score.codes, hidden, shape.banks, replicated=False, start=0)
    low.mac(
        f"{op.name}.score",
        fields,
        {"in_base": (hidden.name, hidden.offset())},
        low.flat_outputs(lists, op.score_bias, f - op.score_fraction_bits),
        target=None,
    )
    _compact(low, op, source_value, source)


def _compact(low: Lowering, op: Select, value: Value, source: Buffer) -> None:
    shape = low.shape
    made = low.graph.values[op.name]
    tokens = low.slots(value)
    targets = low.tiles(op.keep)
    taps = cost.compaction_taps(slots=shape.tokens, keep=op.keep, tokens=tokens)
    entries = targets * taps
    assert op.score_accumulator is not None
    first = low.out.plan_entries
    low.out.plan_entries += entries
    bits = op.score_accumulator.bits + int(not op.score_accumulator.signed)
    bits += low.out.fraction_bits - op.score_fraction_bits
    low.append(
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
        cost.select_cycles(tokens=tokens, score_bits=bits, entries=entries),
    )
    if low.in_place(op):
        target = source
        low.out.homes[made.name] = source.name
    else:
        # the plan knows one distance from tile to tile, for reading and writing
        target = low.new_buffer(made, planes=source.planes, placement=source.placement)
    low.touch(value.name, made.name)
    fields = {
        "source_row": source.row_words,
        "source_tile": 0,
        "source_group": source.block,
        "target_row": target.row_words,
        "target_tile": 0,
        "target_group": target.block,
        "rows": source.rows,
        "tiles": 1,
        "groups": low.groups,
        "words": targets,
        "taps": taps,
        "planes": value.planes,
        "mask_tile": 0,
    }
    low.append(
        Kind.MOVE,
        op.name,
        fields,
        {"source": (source.name, 0), "target": (target.name, 0), "table": (PLAN_TAPS, first)},
        cost.move_cycles(rows=source.rows, tiles=1, groups=low.groups, words=targets, planes=value.planes, taps=taps),
    )
