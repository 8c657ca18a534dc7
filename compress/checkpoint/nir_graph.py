"""A NIR graph as plain arrays and edges, and the table of node kinds that a package can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.echo import quoted

Array = NDArray[Any]
Floats = NDArray[np.float64]

#: Node kinds that are read, and what becomes of them.
HELD = {
    "Input": "the image, of shape (C, H, W); of shape (N,) one pixel of N channels",
    "Output": "the class scores",
    "Conv2d": "3×3, stride 1, padding 1, in one group: a conv; 1×1, stride 1: a linear, or a conv where pixels are "
    "asked for behind it",
    "Linear": "of one axis: a linear; the last one without a neuron: the head",
    "Affine": "as Linear, with a bias",
    "LIF": "the neuron of an op; its gain goes into the weights, v_leak into the bias, its leak is rounded to m/16",
    "IF": "as LIF, with leak 1",
    "AvgPool2d": "2×2, stride 2, of spikes: a counting pool; its 1/4 goes into the weights that read it",
    "SumPool2d": "2×2, stride 2, of spikes: a counting pool",
    "Flatten": "of a map of one pixel, or of the image, or in front of a head that weighs every pixel alike",
    "Scale": "a positive factor of a channel: goes into the weights behind it, or in front of it",
}
#: Node kinds that NIR has and a package has not, and what is missing.
MISSING = {
    "CubaLIF": "the neuron has no second state for a synaptic current; allowed are LIF and IF",
    "CubaLI": "the neuron has no second state for a synaptic current, and every neuron fires; allowed are LIF and IF",
    "LI": "every neuron fires, and class scores are plain sums over steps; allowed are LIF, IF, and a last Linear or "
    "Affine",
    "I": "every neuron fires; allowed are LIF, IF, and a last Linear or Affine",
    "Delay": "a spike arrives in the timestep in which it is sent; leave the delay out and train again",
    "Threshold": "a step function is no neuron with a membrane; allowed are LIF and IF",
    "Conv1d": "convolutions are 3×3 on a grid of rows and columns; allowed are Conv2d, Linear and Affine",
    "NIRGraph": "graphs inside are laid open where they have one Input and one Output; this one has not",
}


@dataclass(frozen=True, eq=False)
class NirNode:
    """A node: its kind, its parameters by NIR's own names, and those that are text ('same')."""

    kind: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes by name, and edges from node to node, as they stand in the file; graphs inside are laid open."""

    nodes: Mapping[str, NirNode]
    edges: Sequence[tuple[str, str]]

    def before(self, name: str) -> list[str]:
        """Nodes that a node reads."""
        return [source for source, target in self.edges if target == name]

    def behind(self, name: str) -> list[str]:
        """Nodes that read a node."""
        return [target for source, target in self.edges if source == name]


def node_error(name: str, text: str) -> CheckpointError:
    """The refusal of a node."""
    return CheckpointError(f"node {quoted(name)}: {text}")


def in_order(graph: NirGraph) -> list[str]:
    """Names of the nodes, each behind what it reads.

    CheckpointError for a kind that is not held, an edge from or to nowhere or told twice, a cycle.
    """
    for name, node in graph.nodes.items():
        if node.kind not in HELD:
            missing = MISSING.get(node.kind, f"the kind is not known; allowed are {', '.join(HELD)}")
            raise node_error(name, f"a {quoted(node.kind)[1:-1]} cannot be held: {missing}")
    for edge in graph.edges:
        for end in edge:
            if end not in graph.nodes:
                raise CheckpointError(f"edge {quoted(edge[0])} to {quoted(edge[1])}: there is no node {quoted(end)}")
    if twice := [edge for edge, count in Counter(graph.edges).items() if count > 1]:
        raise CheckpointError(f"edge {quoted(twice[0][0])} to {quoted(twice[0][1])}: is told twice; once is allowed")
    waiting = {name: len(graph.before(name)) for name in graph.nodes}
    order = [name for name, count in waiting.items() if not count]
    for name in order:  # which grows
        for target in graph.behind(name):
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    if waiting := {name: count for name, count in waiting.items() if count}:
        raise node_error(_on_a_cycle(graph, set(waiting)), "its spikes come back to it; recurrence cannot be held")
    return order


def _on_a_cycle(graph: NirGraph, among: set[str]) -> str:
    """A node that leads back to itself: going backwards from any that waits ends in a cycle."""
    name, seen = min(among), set[str]()
    while name not in seen:
        seen.add(name)
        name = next(source for source in graph.before(name) if source in among)
    return name
