"""Lowering of the classification head."""

from __future__ import annotations

from spikewright.compiler.front.ops import Head
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_outside
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import score_gap
from spikewright.models.package_schema import Scheme


def lower_head(context: Context, op: Head) -> None:
    """One MAC whose outputs are summed over tokens and steps and leave as class scores."""
    shape = context.shape
    value, source = context.graph.values[op.inputs[0]], context.home(op.inputs[0])
    fields = {
        "mode": Mode.HEAD,
        "pot": int(op.weights.scheme is Scheme.POT),
        "in_planes": value.planes,
        "in_signed": int(value.signed),
        "out_planes": 1,
        "gap": score_gap(context.lif_cycles(), shape.tokens),
    }
    lists = bank_lists(op.weights.codes, source.layout, shape.banks)
    append_mac(
        context,
        op.name,
        mac_fields(
            context, slots=context.plan.slots(op.name, value.name), source=source.layout, target=None, fields=fields
        ),
        {"in_base": (source.name, source.layout.offset())},
        outputs_outside(context, lists, op.bias, shift=context.lowered.fraction_bits - op.fraction_bits),
        reads=[source],
        target=None,
    )
