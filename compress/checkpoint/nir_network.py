"""A NIR graph as a network of ops: what it leaves open is asked for, what no op holds is refused by its node."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_graph import NirGraph, in_order
from spikewright.compress.checkpoint.nir_neurons import timing_of
from spikewright.compress.checkpoint.nir_walk import NEURONS, NirWalk, RoundedLeak
from spikewright.echo import quoted
from spikewright.models.channel_neuron import ChannelLIF
from spikewright.models.graph import Size, graph_of
from spikewright.models.graph_network import GraphNetwork
from spikewright.models.package_limits import STEPS


@dataclass(frozen=True, eq=False)
class NirPort:
    """A network made from a NIR graph, and what its user should know.

    notes: a sentence each; rounded: leaks that are no sixteenths, by op; ops: the op of each neuron, by its node.
    """

    network: GraphNetwork
    notes: list[str]
    rounded: dict[str, RoundedLeak]
    ops: dict[str, str]


class ChangedSpikes(NamedTuple):
    """Spikes of an op that come or go, of how many that there could be."""

    changed: int
    of: int


def build_network(
    graph: NirGraph,
    *,
    steps: int | None,
    dt: float | None,
    reset: str | None,
    compare: str | None,
    leak: str = "euler",
    input_shape: tuple[int, int, int] | None = None,
    dtype: torch.dtype = torch.float32,
) -> NirPort:
    """The network of a graph, in evaluation mode; its leaks are those of the file until they are exported.

    steps: timesteps T; dt: of a timestep, in the units of the file's τ; reset: 'zero' or 'subtract'; compare: 'ge' or
    'gt'; leak: 'euler' or 'exponential'; input_shape: (C, H, W), where the file has none; dtype: of the parameters,
    which are folded in float64. CheckpointError, one sentence, for what is missing or cannot be held.
    """
    order = in_order(graph)
    if steps is None:
        raise CheckpointError("NIR does not tell how many timesteps an image takes: give --steps")
    if steps not in range(1, STEPS + 1):
        raise CheckpointError(f"--steps must be from 1 to {STEPS}, not {quoted(steps)}")
    timing = None
    if any(node.kind in NEURONS for node in graph.nodes.values()):
        timing = timing_of(dt, reset, compare, leak)
    walk = NirWalk(graph, order, timing, input_shape)
    for name in order:
        walk.visit(name, graph.nodes[name])
    size = Size(walk.image.height, walk.image.width, walk.image.channels, walk.classes, steps)
    network = GraphNetwork(walk.ops, walk.ops[-1].name, size).to(dtype).eval()
    scores = f"class scores are sums over all {steps} timesteps, given as their mean; none counts more than another"
    return NirPort(network, [scores, *walk.notes], walk.rounded, walk.firing)


def changed_spikes(network: GraphNetwork, images: Tensor) -> dict[str, ChangedSpikes]:
    """How many spikes of each op are others once leaks are rounded to sixteenths, on images as the network reads them.

    All layers together: what changes in one is read by the next.
    """
    rounded = copy.deepcopy(network)
    for module in rounded.modules():
        if isinstance(module, ChannelLIF):
            module.round_leaks()
    before, after = _spikes(network, images), _spikes(rounded, images)
    return {name: ChangedSpikes(int((before[name] != after[name]).sum()), before[name].numel()) for name in before}


def _spikes(network: GraphNetwork, images: Tensor) -> dict[str, Tensor]:
    spikes: dict[str, Tensor] = {}
    hooks = [
        op.neuron.register_forward_hook(lambda _module, _read, out, name=op.name: spikes.update({name: out}))
        for op in graph_of(network).ops
        if op.neuron is not None
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return spikes
