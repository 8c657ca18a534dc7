"""What quantisation changes, layer by layer: alone and fed by the float network, and end to end."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.compress.methods.quantise import Quantised
from spikewright.compress.posttraining.correct import BATCH
from spikewright.compress.posttraining.layers import channel_axis, split, walk
from spikewright.models.graph import GraphOp, SpikingNetwork, graph_of
from spikewright.models.graph_run import execute


@dataclass
class LayerChange:
    """One op's row.

    alone, end_to_end: shares of its values that are others, fed by the float network and by the quantised one; None
    where it has no weights, or no spikes. rate: of spikes that are set, float; dead, saturated: channels that never, or
    always, fire in float; used: greatest |code| over the greatest there is.
    """

    kind: str
    scheme: str | None = None
    bits: int | None = None
    used: float | None = None
    rate: float | None = None
    alone: float | None = None
    end_to_end: float | None = None
    channels: int = 0
    dead: int = 0
    saturated: int = 0


@dataclass
class Change:
    """All rows in execution order.

    agreement: images whose class the quantised network keeps; logits: greatest difference of a class score over the
    greatest score.
    """

    layers: dict[str, LayerChange]
    images: int = 0
    agreement: int = 0
    logits: float = 0.0


class _Row:
    """Counts of one op, batch by batch."""

    def __init__(self) -> None:
        self.total = self.fired = self.alone = self.changed = 0
        self.by_channel = torch.zeros(0)

    def add(self, op: GraphOp, made: Tensor, alone: Tensor | None, whole: Tensor) -> None:
        axis = channel_axis(op) if made.dim() == 5 else -1
        fired = made.movedim(axis, 0).flatten(1)
        counts = (fired != 0).sum(1)
        self.by_channel = counts if not self.total else self.by_channel + counts
        self.total += made.numel()
        self.fired += int(counts.sum())
        self.alone += 0 if alone is None else int((alone != made).sum())
        self.changed += int((whole != made).sum())


def measure(network: SpikingNetwork, quantised: SpikingNetwork, images: Tensor) -> Change:
    """Hold a quantised network (exact) against the float one on images, as both read them."""
    exact = copy.deepcopy(quantised).double()
    own = {op.name: op for op in graph_of(exact).ops}
    result = Change({op.name: _described(own[op.name]) for op in graph_of(network).ops})
    rows = {name: _Row() for name in own}
    with torch.no_grad():
        for part in split(images, BATCH):
            # float32 would round sums of whole numbers above 2^24
            pairs = zip(walk(network, part), walk(exact, part.double()), strict=True)
            for (op, given, joined, made), (_, _, _, whole) in pairs:
                if op.kind == "head":
                    _compare(result, made, whole)
                    continue
                alone = None
                if isinstance(own[op.name].module, Quantised):
                    whole_reads = [value.double() for value in given]
                    beside = None if joined is None else joined.double()
                    alone = execute(own[op.name], whole_reads, network.size.steps, beside)
                rows[op.name].add(op, made, alone, whole)
    for name, row in rows.items():
        if row.total:
            _fill(result.layers[name], row, own[name])
    return result


def _described(op: GraphOp) -> LayerChange:
    layer = op.module
    if not isinstance(layer, Quantised):
        return LayerChange(op.kind)
    used = float(layer.integer_codes().abs().max()) / layer.fmt.limit
    return LayerChange(op.kind, layer.fmt.scheme, layer.fmt.bits, used)


def _fill(layer: LayerChange, row: _Row, op: GraphOp) -> None:
    per_channel = row.total // len(row.by_channel)
    layer.rate = row.fired / row.total
    layer.end_to_end = row.changed / row.total
    layer.channels = len(row.by_channel)
    if op.neuron is not None:
        layer.dead = int((row.by_channel == 0).sum())
        layer.saturated = int((row.by_channel == per_channel).sum())
    if isinstance(op.module, Quantised):
        layer.alone = row.alone / row.total


def _compare(result: Change, made: Tensor, whole: Tensor) -> None:
    result.images += len(made)
    result.agreement += int((made.argmax(1) == whole.argmax(1)).sum())
    result.logits = max(result.logits, float((made - whole).abs().max() / made.abs().max().clamp(min=1e-30)))
