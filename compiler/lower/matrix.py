"""Lowering of convolutions and linear layers, with the residual addition of their spikes."""

from __future__ import annotations

from spikewright.compiler.front.ops import Conv, Linear
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into
from spikewright.compiler.lower.moves import fill_halo
from spikewright.compiler.lower.residual import captured, residual_fields
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import spike_gap
from spikewright.cost.routing import IMAGE
from spikewright.models.package_schema import Compare, Reset, Scheme


def lower_matrix(context: Context, op: Conv | Linear) -> None:
    """One MAC, and the halo of what it makes."""
    source_value, source = context.graph.values[op.inputs[0]], context.home(op.inputs[0])
    layout, neuron = source.layout, op.neuron
    add = context.routing.fused.get(op.name)
    stream = context.home(add.inputs[0]) if add else None
    value = context.graph.values[add.name if add else op.name]
    target = context.make(value.name)
    planes = value.planes if add else 1
    fields = {
        "mode": Mode.SPIKE,
        "fold": int(layout.folded),
        "soft": int(neuron.reset is Reset.SOFT),
        "strict": int(neuron.compare is Compare.GT),
        "pot": int(op.weights.scheme is Scheme.POT),
        "in_planes": source_value.planes,
        "in_signed": int(source_value.signed),
        "out_planes": planes,
        "gap": spike_gap(context.shape.steps, fold_groups=context.groups if layout.folded else 0, planes=planes),
    }
    addresses = {"in_base": (source.name, layout.offset(0, -1, -1) if isinstance(op, Conv) else layout.offset())}
    if source.name == IMAGE:
        fields["in_group"] = 0  # the same at every step
    if layout.folded:
        fields |= {"groups": 1, "fold_groups": context.groups}
    if add and stream:
        fields |= residual_fields(context, add.inputs[0], stream.layout)
        addresses["capture_base"] = (stream.name, stream.layout.offset())
    append_mac(
        context,
        op.name,
        mac_fields(context, slots=context.slots(value), source=layout, target=target.layout, fields=fields),
        addresses,
        outputs_into(
            target.layout,
            bank_lists(op.weights.codes, layout, context.shape.banks),
            neuron.bias,
            neuron.threshold,
            shift=context.lowered.fraction_bits - neuron.fraction_bits,
            captures=captured(stream.layout) if stream else None,
        ),
        reads=[source, stream] if stream else [source],
        target=target,
        completes=value.name,
        spikes=op.name if add else None,
    )
    fill_halo(context, value.name)
