"""Residual additions: in the write-back of the layer that makes the spikes, or of their own where that cannot be."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.ops import Add
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import same_channel_lists
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, walk
from spikewright.compiler.lower.moves import fill_halo, move
from spikewright.compiler.lower.taps import same_words
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import spike_gap


def captured(stream: Layout) -> dict[int, tuple[int, int]]:
    """Channel → bank and offset of the word of a stream that its spikes are added to."""
    return {c: (bank, row * stream.row_words) for c, (bank, row) in enumerate(stream.placement.slots)}


def residual_fields(context: Context, value: str, stream: Layout) -> dict[str, int]:
    """Fields of a MAC whose spikes are added to the stream ``value``."""
    planes = context.graph.values[value].planes
    return walk("capture", stream) | {"mode": Mode.RESIDUAL, "capture_planes": planes}


def lower_add(context: Context, op: Add) -> None:
    """Nothing of its own where the layer that makes the spikes adds them; else a MAC that passes them on."""
    if op.inputs[1] in context.routing.fused:
        return
    stream = context.home(op.inputs[0])
    target = context.make(op.name)
    _pass_on(context, op.name, op.inputs[1], target, stream_value=op.inputs[0], stream=stream)
    fill_halo(context, op.name)


def by_head(context: Context, reader: str, value: str) -> Buffer:
    """Where attention ``reader`` finds spikes ``value`` laid out by head: their home, or a copy made now."""
    copy = context.routing.copies.get((reader, value))
    if copy is None:
        return context.home(value)
    if copy.name in context.lowered.buffers:
        return context.lowered.buffers[copy.name]
    target = context.add(copy.name, context.plan.layouts[copy.name])
    if copy.moved:
        source = context.home(value)
        words = same_words(context.lowered.table, context.cells(target.layout), source.layout, target.layout)
        move(context, copy.name, words, source, target, planes=1)
    else:
        _pass_on(context, copy.name, copy.value, target)
    return target


def _pass_on(
    context: Context,
    layer: str,
    value: str,
    target: Buffer,
    *,
    stream_value: str = "",
    stream: Buffer | None = None,
) -> None:
    """A MAC that brings every channel of spikes to itself, and adds them to a stream if there is one.

    Weight and threshold are 1 and nothing is left in the membrane after a spike, so what comes in goes out.
    """
    context.lowered.passes = True
    source, one = context.home(value), 1 << context.lowered.fraction_bits
    channels, banks = context.graph.values[value].channels, context.shape.banks
    planes = context.graph.values[layer].planes if stream else 1
    fields = {
        "mode": Mode.SPIKE,
        "in_planes": 1,
        "out_planes": planes,
        "gap": spike_gap(context.shape.steps, planes=planes),
    }
    addresses = {"in_base": (source.name, source.layout.offset())}
    if stream:
        fields |= residual_fields(context, stream_value, stream.layout)
        addresses["capture_base"] = (stream.name, stream.layout.offset())
    slots = context.slots(context.graph.values[value])
    append_mac(
        context,
        layer,
        mac_fields(context, slots=slots, source=source.layout, target=target.layout, fields=fields),
        addresses,
        outputs_into(
            target.layout,
            same_channel_lists(source.layout, channels, banks),
            np.zeros(channels, np.int64),
            np.full(channels, one),
            shift=0,
            captures=captured(stream.layout) if stream else None,
        ),
        reads=[source, stream] if stream else [source],
        target=target,
        completes=layer if stream else None,
    )
