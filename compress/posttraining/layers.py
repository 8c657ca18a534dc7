"""A network op by op: what each reads and makes, so that a layer can be looked at alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from spikewright.models.graph import IMAGE, GraphOp, SpikingNetwork, graph_of
from spikewright.models.graph_run import execute
from spikewright.models.neurons import LIF


def walk(
    network: SpikingNetwork, images: Tensor, known: Mapping[str, Tensor] | None = None
) -> Iterator[tuple[GraphOp, tuple[Tensor, ...], Tensor | None, Tensor]]:
    """Each op with what it read, what joined it, and what it made, in execution order; values nobody reads any more go.

    images: codes ``[B, C, H, W]``, or frames ``[T, B, C, H, W]``; known: values that stand in for those of some ops.
    """
    ops = graph_of(network).ops
    last = {name: at for at, op in enumerate(ops) for name in _reads(op)}
    values = {IMAGE: images if images.dim() == 5 else images[None]}
    for at, op in enumerate(ops):
        given = tuple(values[name] for name in op.reads)
        joined = None if op.shortcut is None else values[op.shortcut[0]]
        made = (
            execute(op, given, network.size.steps, joined) if known is None or op.name not in known else known[op.name]
        )
        values[op.name] = made
        yield op, given, joined, made
        for name in [name for name in values if last.get(name, at) <= at]:
            del values[name]


def _reads(op: GraphOp) -> tuple[str, ...]:
    return op.reads if op.shortcut is None else (*op.reads, op.shortcut[0])


def current(op: GraphOp, given: Sequence[Tensor], steps: int, joined: Tensor | None = None) -> Tensor:
    """What an op's neuron reads, ``[T, ...]``, before threshold and leak."""
    caught: list[Tensor] = []
    hook = op.fires.register_forward_pre_hook(lambda _neuron, read: caught.append(read[0]))
    try:
        execute(op, given, steps, joined)
    finally:
        hook.remove()
    return caught[0]


def channel_axis(op: GraphOp) -> int:
    """The axis of channels of what the op makes."""
    return 2 if op.kind in ("conv", "pool") else -1


def neurons_of(network: SpikingNetwork) -> dict[str, LIF]:
    """Neurons by op."""
    return {op.name: op.fires for op in graph_of(network).ops if op.neuron is not None}


def split(images: Tensor, size: int) -> list[Tensor]:
    """Batches of codes ``[B, C, H, W]`` or of frames ``[T, B, C, H, W]``."""
    return list(torch.split(images, size, dim=0 if images.dim() == 4 else 1))
