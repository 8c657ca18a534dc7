"""Residual additions: in the write-back of the layer that makes the spikes, or of their own where that cannot be."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.ops import Add
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import same_channel_lists
from spikewright.compiler.lower.mac import append_mac, mac_fields, outputs_into, walk
from spikewright.compiler.lower.moves import fill_halo, lay, move
from spikewright.compiler.lower.taps import same_words
from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.cycles import spike_gap
from spikewright.cost.geometry import Lies
from spikewright.cost.routing import LayCopy


def captured(stream: Layout) -> dict[int, tuple[int, int]]:
    """Channel → bank and offset of the word of a stream that its spikes are added to."""
    return {c: (bank, row * stream.row_words) for c, (bank, row) in enumerate(stream.placement.slots)}


def residual_fields(context: Context, add: Add, stream: Layout) -> dict[str, int]:
    """Fields of a MAC whose spikes are added to the stream of ``add``."""
    values = context.graph.values
    # it saturates where it can reach its limit, and then its planes are those of the limit
    limit = values[add.name].planes if add.saturates(context.graph) else 0
    planes = values[add.inputs[0]].planes
    return walk("capture", stream) | {"mode": Mode.RESIDUAL, "capture_planes": planes, "limit": limit}


def lower_add(context: Context, op: Add) -> None:
    """Nothing of its own where the layer that makes the spikes adds them; else a MAC that passes them on."""
    if op.inputs[1] in context.routing.fused:
        return
    source = read(context, op.name, op.inputs[1])
    stream = read(context, op.name, op.inputs[0])
    _pass_on(context, op.name, op.inputs[1], source, context.make(op.name), add=op, stream=stream)
    fill_halo(context, op.name)


def read(context: Context, reader: str, value: str) -> Buffer:
    """Where an op finds a value as it needs it: its home, or a copy, made now if it is not there."""
    copy = context.routing.copies.get((reader, value))
    return context.home(value) if copy is None else _copied(context, copy)


def _copied(context: Context, copy: LayCopy) -> Buffer:
    if copy.name in context.lowered.buffers:
        return context.lowered.buffers[copy.name]
    source = context.home(copy.value)
    layout = context.plan.copied(copy)
    come, go = context.plan.lies(context.graph.values[copy.value]), context.plan.copy_lies(copy)
    if copy.grid is not None:  # a value without one, a slot for each position
        come = Lies(copy.grid, copy.grid)
    if not copy.moved:
        if come.cells != go.cells:
            source = _copied(context, LayCopy(copy.value))
        target = context.add(copy.name, layout)
        _pass_on(context, copy.name, copy.value, source, target)
        return target
    target = context.add(copy.name, layout)
    planes = context.graph.values[copy.value].planes
    if come.cells == go.cells:
        words = same_words(context.lowered.table, context.cells(layout), source.layout, layout)
        move(context, copy.name, words, source, target, planes=planes)
    else:
        lay(context, copy.name, (come, source), (go, target), planes=planes)
    return target


def _pass_on(
    context: Context,
    layer: str,
    value: str,
    source: Buffer,
    target: Buffer,
    *,
    add: Add | None = None,
    stream: Buffer | None = None,
) -> None:
    """A MAC that brings every channel of spikes, read at ``source``, to itself, and adds them to a stream.

    Weight and threshold are 1 and nothing is left in the membrane after a spike, so what comes in goes out.
    """
    context.lowered.passes = True
    one = 1 << context.lowered.fraction_bits
    channels, banks = context.graph.values[value].channels, context.shape.banks
    planes = context.graph.values[layer].planes if add else 1
    fields = {
        "mode": Mode.SPIKE,
        "in_planes": 1,
        "out_planes": planes,
        "gap": spike_gap(context.lif_cycles(), planes=planes),
    }
    addresses = {"in_base": (source.name, source.layout.offset())}
    if add and stream:
        fields |= residual_fields(context, add, stream.layout)
        addresses["capture_base"] = (stream.name, stream.layout.offset())
    slots = context.plan.slots(layer, value) if add else context.graph.values[value].tokens
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
