"""Lowering of the attention op: K^T V on the attention unit, then gating on the lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikewright.cost import cycles as cost

from .buffers import Buffer, Placement
from .descriptors import Kind, Mode
from .ir import Attention, Compare, Reset
from .lists import OutputSlot

if TYPE_CHECKING:
    from .lowering import Lowering


def lower_attention(low: Lowering, op: Attention) -> None:
    """K^T V and gating of ``op``, some heads at a time."""
    shape, neuron = low.shape, op.neuron
    query, key, value = (low.graph.values[name] for name in op.inputs)
    size = query.channels // op.heads
    rows = shape.bank_rows(size)
    channels = max(size, cost.LEAST_CHANNELS)
    words = low.groups * channels * rows
    together = cost.heads_together(op.heads, groups=low.groups, rows=rows, channels=size)
    low.out.product_depth = max(low.out.product_depth, together * words)
    made = low.graph.values[op.name]
    held = {name: low.out.home(name) for name in op.inputs}
    pairs = -(-size // shape.streams)
    target: Buffer | None = None
    scaled = low.out.fraction_bits - neuron.fraction_bits
    for first in range(0, op.heads, together):
        count = min(together, op.heads - first)
        source = held[key.name]
        fields = {
            "tile_stride": source.tile_stride,
            "group_stride": source.block,
            "heads": count,
            "rows": rows,
            "channels": channels,
            "tiles": source.tiles,
            "groups": low.groups,
        }
        low.touch(key.name, value.name, query.name)
        low.append(
            Kind.PRODUCT,
            op.name,
            fields,
            {
                "key": (held[key.name].name, held[key.name].offset(first * rows)),
                "value": (held[value.name].name, held[value.name].offset(first * rows)),
            },
            cost.product_cycles(heads=count, groups=low.groups, rows=rows, tiles=source.tiles, channels=channels),
        )
        if target is None:
            # outputs are paired as the products come: neighbours must not share a bank
            paired = Placement.interleaved(made.channels, shape.banks) if shape.streams > 1 else None
            target = low.new_buffer(made, planes=1, placement=paired)
        source = held[query.name]
        gate = low.mac_fields(
            mode=Mode.SPIKE,
            gate=1,
            soft=int(neuron.reset is Reset.SOFT),
            strict=int(neuron.compare is Compare.GT),
            in_planes=1,
            out_planes=1,
            gap=cost.spike_gap(shape.steps),
            slots=low.slots(made),
            source=source,
            target=target,
            head_outputs=pairs,
            head_rows=rows,
            head_rest=size % shape.banks,
            product_output=rows * shape.streams,
            product_group=channels * rows,
            product_head=words - (pairs - 1) * rows * shape.streams,
        )
        outputs = []
        for h in range(first, first + count):
            for j in range(pairs * shape.streams):
                if j >= size:
                    outputs.append(OutputSlot.nothing(shape.banks))
                    continue
                c = h * size + j
                bank, row = target.placement.slots[c]
                outputs.append(
                    OutputSlot(
                        ((),) * shape.banks,
                        int(neuron.bias[c]) << scaled,
                        int(neuron.threshold[c]) << scaled,
                        bank,
                        target.offset(row),
                    )
                )
        low.touch(query.name, op.name)
        low.mac(
            op.name,
            gate,
            {"in_base": (source.name, source.offset(first * rows))},
            outputs,
            target=target.name,
            gate_pairs=rows,
            gate_total=count * size * size,
        )
