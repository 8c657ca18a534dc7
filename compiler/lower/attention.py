"""Lowering of the attention op: K^T V on the attention unit, then gating on the lanes."""

from __future__ import annotations

from spikewright.compiler.front.ops import Attention
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.lists import OutputSlot
from spikewright.compiler.lower.mac import append_walk, in_rows, mac_fields
from spikewright.compiler.lower.residual import read
from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.cost.cycles import LEAST_CHANNELS, heads_together, product_cycles, spike_gap
from spikewright.models.package_schema import Compare, Reset


def lower_attention(context: Context, op: Attention) -> None:
    """K^T V and gating of ``op``, some heads at a time."""
    shape, neuron = context.shape, op.neuron
    size, outputs = (context.graph.values[name].channels // op.heads for name in (op.inputs[0], op.inputs[2]))
    rows, value_rows = shape.bank_rows(size), shape.bank_rows(outputs)
    channels = max(outputs, LEAST_CHANNELS)
    words = context.groups * channels * rows
    together = heads_together(op.heads, groups=context.groups, rows=rows, channels=outputs)
    context.lowered.product_depth = max(context.lowered.product_depth, together * words)
    queries, keys, values = (read(context, op.name, name) for name in op.inputs)
    outputs_a_head = -(-outputs // shape.streams)
    for first in range(0, op.heads, together):
        count = min(together, op.heads - first)
        fields = {
            "tile_stride": keys.layout.tile_stride,
            "group_stride": keys.layout.block,
            "heads": count,
            "rows": rows,
            "channels": channels,
            "tiles": keys.layout.tiles,
            "groups": context.groups,
            "value_rows": value_rows,
            "value_tile": values.layout.tile_stride,
            "value_group": values.layout.block,
        }
        context.append(
            Kind.PRODUCT,
            op.name,
            fields,
            {
                "key": (keys.name, keys.layout.offset(first * rows)),
                "value": (values.name, values.layout.offset(first * value_rows)),
            },
            product_cycles(heads=count, groups=context.groups, rows=rows, tiles=keys.layout.tiles, channels=channels),
            uses=(keys, values),
        )
        target = context.make(op.name)
        gate = {
            "mode": Mode.SPIKE,
            "gate": 1,
            "soft": int(neuron.reset is Reset.SOFT),
            "strict": int(neuron.compare is Compare.GT),
            "coarse": context.coarse(neuron),
            "in_planes": 1,
            "out_planes": 1,
            "gap": spike_gap(context.lif_cycles()),
            "head_outputs": outputs_a_head,
            "head_rows": rows,
            "head_rest": size % shape.banks,
            "head_odd": outputs % shape.streams,
            # strides, where there is a next output, step group and head
            "product_output": rows * shape.streams if outputs_a_head > 1 else 0,
            "product_group": channels * rows,
            "product_head": words - (outputs_a_head - 1) * rows * shape.streams if count > 1 else 0,
        }
        slots = []
        for head in range(first, first + count):
            slots += _outputs(context, op, target, head, outputs_a_head * shape.streams)
        side = in_rows(context, slots)
        append_walk(
            context,
            op.name,
            mac_fields(
                context,
                slots=context.graph.values[op.name].tokens,
                source=queries.layout,
                target=target.layout,
                fields=gate,
            ),
            {"in_base": (queries.name, queries.layout.offset(first * rows))},
            side,
            busiest=[rows] * len(side),
            pairs=count * size * outputs,
            reads=[queries],
            target=target,
            completes=op.name,
        )


def _outputs(context: Context, op: Attention, target: Buffer, head: int, count: int) -> list[OutputSlot]:
    """``count`` outputs of a head: its channels, and nothing in the rest."""
    neuron, banks = op.neuron, context.shape.banks
    size = neuron.threshold.size // op.heads
    shift = context.lowered.fraction_bits - neuron.fraction_bits
    outputs = []
    for channel in range(head * size, (head + 1) * size):
        bank, row = target.layout.placement.slots[channel]
        bias, threshold = int(neuron.bias[channel]) << shift, int(neuron.threshold[channel]) << shift
        leak = int(neuron.leak[channel])
        outputs.append(OutputSlot(((),) * banks, bias, threshold, bank, target.layout.offset(row), leak))
    return outputs + [OutputSlot.nothing(banks)] * (count - size)
