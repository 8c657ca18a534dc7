"""Lowering of the classification head."""

from __future__ import annotations

from spikewright.compiler.front.limits import HEAD_GRID
from spikewright.compiler.front.ops import Head
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_outside
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import score_gap
from spikewright.models.package_schema import Scheme


def lower_head(context: Context, op: Head) -> None:
    """One MAC whose outputs are summed over tokens and steps and leave as class scores."""
    shape = context.shape
    value, source = context.graph.values[op.inputs[0]], context.home(op.inputs[0])
    if context.tile_size(value) != (1, 1):
        raise LoweringError(f"{op.name}: {HEAD_GRID.text(token_grid=context.token_grid, grid=value.grid)}")
    fields = {
        "mode": Mode.HEAD,
        "pot": int(op.weights.scheme is Scheme.POT),
        "in_planes": value.planes,
        "in_signed": int(value.signed),
        "out_planes": 1,
        "gap": score_gap(shape.steps, shape.tokens),
    }
    lists = bank_lists(op.weights.codes, source, shape.banks, replicated=False, start=0)
    context.touch(value.name)
    append_mac(
        context,
        op.name,
        mac_fields(context, slots=context.slots(value), source=source, target=None, fields=fields),
        {"in_base": (source.name, source.offset())},
        outputs_outside(context, lists, op.bias, shift=context.lowered.fraction_bits - op.fraction_bits),
        target=None,
    )
