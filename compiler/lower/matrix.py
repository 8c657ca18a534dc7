"""Lowering of convolutions and linear layers, with a shortcut and with the residual addition of their spikes."""

from __future__ import annotations

from spikewright.compiler.front.ops import Conv, Linear
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.gains import gain_lists
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import Entry, bank_lists, together
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, walk
from spikewright.compiler.lower.moves import fill_halo
from spikewright.compiler.lower.residual import captured, read, residual_fields
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import spike_gap
from spikewright.cost.routing import IMAGE
from spikewright.models.package_schema import Compare, Reset, Scheme


def lower_matrix(context: Context, op: Conv | Linear) -> None:
    """One MAC, and the halo of what it makes."""
    source_value, source = context.graph.values[op.inputs[0]], read(context, op.name, op.inputs[0])
    layout, neuron = source.layout, op.neuron
    add = context.added(op)
    stream = read(context, add.name, add.inputs[0]) if add else None
    value = context.graph.values[add.name if add else op.name]
    target = context.make(value.name)
    planes = value.planes if add else 1
    fields = {
        "mode": Mode.SPIKE,
        "fold": int(layout.folded),
        "soft": int(neuron.reset is Reset.SOFT),
        "strict": int(neuron.compare is Compare.GT),
        "coarse": context.coarse(neuron),
        "pot": int(op.weights.scheme is Scheme.POT),
        "in_planes": source_value.planes,
        "in_signed": int(source_value.signed),
        "out_planes": planes,
        "gap": spike_gap(context.lif_cycles(fold_groups=context.groups if layout.folded else 0), planes=planes),
    }
    lists = bank_lists(op.weights.codes, layout, context.shape.banks)
    addresses = {"in_base": (source.name, layout.offset(0, -1, -1) if isinstance(op, Conv) else layout.offset())}
    if source.name == IMAGE and not context.graph.image.frames:
        fields["in_group"] = 0  # the same at every step
    if layout.folded:
        fields |= {"groups": 1, "fold_groups": context.groups}
    joined = None
    if isinstance(op, Conv) and op.joined is not None:
        joined = read(context, op.name, op.joined)
        lists = together(lists, _shortcut_lists(context, op, joined.layout))
        fields |= _second_fields(context, op, joined.layout)
        addresses["capture_base"] = (joined.name, joined.layout.offset())
    if add and stream:
        fields |= residual_fields(context, add, stream.layout)
        addresses["capture_base"] = (stream.name, stream.layout.offset())
    append_mac(
        context,
        op.name,
        mac_fields(
            context,
            slots=context.plan.slots(op.name, source_value.name),
            source=layout,
            target=target.layout,
            fields=fields,
        ),
        addresses,
        outputs_into(
            target.layout,
            lists,
            neuron.bias,
            neuron.threshold,
            shift=context.lowered.fraction_bits - neuron.fraction_bits,
            leak=neuron.leak,
            captures=captured(stream.layout) if stream else None,
        ),
        reads=[buffer for buffer in (source, stream, joined) if buffer],
        target=target,
        completes=value.name,
        spikes=op.name if add else None,
    )
    fill_halo(context, value.name)


def _shortcut_lists(context: Context, op: Conv, joined: Layout) -> list[list[list[Entry]]]:
    """Entries of what a shortcut joins."""
    banks = context.shape.banks
    if op.matrix is not None:
        return bank_lists(op.matrix.codes, joined, banks, second=True)
    assert op.gain is not None
    return gain_lists(op.gain, joined, banks)


def _second_fields(context: Context, op: Conv, joined: Layout) -> dict[str, int]:
    """Fields of a MAC that reads a second value."""
    assert op.joined is not None
    value = context.graph.values[op.joined]
    walked = walk("capture", joined)
    if op.joined == IMAGE and not context.graph.image.frames:
        walked["capture_group"] = 0  # the same at every step
    return walked | {
        "capture_planes": value.planes,
        "second_pot": int(op.matrix is None or op.matrix.scheme is Scheme.POT),
        "second_signed": int(value.signed),
    }
