"""Lowering of convolutions and linear layers, with the residual addition of their spikes."""

from __future__ import annotations

from spikewright.compiler.front.ir import Op, Value
from spikewright.compiler.front.limits import LINEAR_GRID
from spikewright.compiler.front.ops import Conv, Linear
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import bank_lists
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, walk
from spikewright.compiler.lower.moves import move_halo
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import spike_gap
from spikewright.models.package_schema import Compare, Reset, Scheme


def lower_matrix(context: Context, op: Conv | Linear) -> None:
    """One MAC, and the halo of what it makes."""
    source_value, source = context.graph.values[op.inputs[0]], context.home(op.inputs[0])
    image = op.inputs[0] == "input"
    fold = image and context.lowered.input_fold
    if isinstance(op, Linear) and context.tile_size(source_value) != (1, 1):
        refusal = LINEAR_GRID.text(token_grid=context.token_grid, grid=source_value.grid)
        raise LoweringError(f"{op.name}: {refusal}")
    value, target, add = _result(context, op)
    neuron, planes = op.neuron, value.planes if add else 1
    fields = {
        "mode": Mode.RESIDUAL if add else Mode.SPIKE,
        "fold": int(fold),
        "soft": int(neuron.reset is Reset.SOFT),
        "strict": int(neuron.compare is Compare.GT),
        "pot": int(op.weights.scheme is Scheme.POT),
        "in_planes": source_value.planes,
        "in_signed": int(source_value.signed),
        "out_planes": planes,
        "gap": spike_gap(context.shape.steps, fold_groups=context.groups if fold else 0, planes=planes),
    }
    if image:
        fields["in_group"] = 0  # the same at every step
    if fold:
        fields |= {"groups": 1, "fold_groups": context.groups}
    captures: dict[int, tuple[int, int]] = {}
    addresses = {"in_base": (source.name, source.offset(0, -1, -1) if isinstance(op, Conv) else source.offset())}
    if add:
        stream = context.home(add.inputs[0])
        fields |= walk("capture", stream) | {"capture_planes": context.graph.values[add.inputs[0]].planes}
        addresses["capture_base"] = (stream.name, stream.offset())
        captures = {c: (b, r * stream.row_words) for c, (b, r) in enumerate(stream.placement.slots)}
        context.touch(add.inputs[0])
    lists = bank_lists(op.weights.codes, source, context.shape.banks, replicated=image, start=0)
    shift = context.lowered.fraction_bits - neuron.fraction_bits
    context.touch(op.inputs[0], value.name)
    append_mac(
        context,
        op.name,
        mac_fields(context, slots=context.slots(value), source=source, target=target, fields=fields),
        addresses,
        outputs_into(target, lists, neuron.bias, neuron.threshold, shift=shift, captures=captures),
        target=target.name,
    )
    if value.name in context.halos:
        move_halo(context, value.name, value.name, unit=context.shape.steps, planes=value.planes)


def _result(context: Context, op: Conv | Linear) -> tuple[Value, Buffer, Op | None]:
    """The value that the write-back of ``op`` makes (its add, if there is one), and its buffer."""
    add = context.fused.get(op.name)
    value = context.graph.values[add.name if add else op.name]
    if add is None:
        return value, context.new_buffer(value, planes=1), None
    stream = context.home(add.inputs[0])
    if context.in_place(add):
        context.lowered.homes[value.name] = stream.name
        return value, stream, add
    return value, context.new_buffer(value, planes=context.stream_planes(value.name)), add
