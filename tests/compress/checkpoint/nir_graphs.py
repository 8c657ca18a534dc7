"""NIR graphs for tests, and what they compute by NIR's own equations: one position at a time, in float64."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
from numpy.typing import NDArray

from spikewright.compress.checkpoint.nir_file import read_nir
from spikewright.compress.checkpoint.nir_graph import NirGraph

Floats = NDArray[np.float64]
DT = 1e-4


def conv(weight: Floats, bias: Floats | None = None, **rest: object) -> nir.Conv2d:
    """A convolution of stride 1 that keeps the map, unless ``rest`` says otherwise."""
    size = weight.shape[-1]
    given = {"input_shape": None, "stride": 1, "padding": size // 2, "dilation": 1, "groups": 1} | rest
    return nir.Conv2d(weight=weight, bias=np.zeros(len(weight)) if bias is None else bias, **given)


def lif(shape: Sequence[int], **rest: float | Floats) -> nir.LIF:
    """A LIF of τ = 2·dt, r = 2 and threshold 1, unless ``rest`` says otherwise."""
    given = {"tau": 2 * DT, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0} | rest
    return nir.LIF(**{name: np.broadcast_to(value, shape).astype(np.float64) for name, value in given.items()})


def integrator(shape: Sequence[int], **rest: float | Floats) -> nir.IF:
    """An IF of r·dt = 1 and threshold 1, unless ``rest`` says otherwise."""
    given = {"r": 1 / DT, "v_threshold": 1.0} | rest
    return nir.IF(**{name: np.broadcast_to(value, shape).astype(np.float64) for name, value in given.items()})


def pool(
    kind: type[nir.AvgPool2d] | type[nir.SumPool2d], size: int = 2, stride: int = 2, padding: int = 0
) -> nir.NIRNode:
    return kind(*(np.array([n, n]) for n in (size, stride, padding)))


def flatten(start: int = 0, end: int = -1) -> nir.Flatten:
    return nir.Flatten(input_type=None, start_dim=start, end_dim=end)


def chain(shape: Sequence[int], *nodes: nir.NIRNode, classes: int) -> nir.NIRGraph:
    """Nodes one behind the other, named n0, n1, ..."""
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    every = [nir.Input(np.array(shape)), *nodes, nir.Output(np.array([classes]))]
    return nir.NIRGraph(dict(zip(names, every, strict=True)), list(pairwise(names)), type_check=False)


def read(graph: nir.NIRGraph, folder: Path) -> NirGraph:
    """The graph as it comes back from a file."""
    graph.infer_types()  # a file has the shape of what convolutions read
    nir.write(folder / "graph.nir", graph)
    return read_nir(folder / "graph.nir")


class Simulated:
    """Spikes of each neuron ``[T, ...]`` and what the Output reads ``[T, ...]``, for an image of each timestep."""

    def __init__(
        self, graph: nir.NIRGraph, images: Sequence[Floats], *, reset: str, compare: str, rule: str = "euler"
    ) -> None:
        self.graph, self.reset, self.compare, self.rule = graph, reset, compare, rule
        self.membranes: dict[str, Floats] = {}
        self.spikes: dict[str, list[Floats]] = {}
        self.outputs: list[Floats] = []
        for image in images:
            made: dict[str, Floats] = {}
            while len(made) < len(graph.nodes):
                for name, node in graph.nodes.items():
                    sources = [a for a, b in graph.edges if b == name]
                    if name not in made and all(source in made for source in sources):
                        made[name] = self._node(name, node, image if not sources else sum(made[s] for s in sources))
            self.outputs.append(made["output"])

    def _node(self, name: str, node: nir.NIRNode, x: Floats) -> Floats:
        if isinstance(node, nir.LIF | nir.IF):
            return self._fire(name, node, x)
        if isinstance(node, nir.Conv2d):
            return _convolve(x, node.weight, node.bias)
        if isinstance(node, nir.Linear | nir.Affine):
            return node.weight @ x + getattr(node, "bias", 0.0)
        if isinstance(node, nir.AvgPool2d | nir.SumPool2d):
            sums = x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]
            return sums / 4 if isinstance(node, nir.AvgPool2d) else sums
        if isinstance(node, nir.Flatten):
            return x.reshape(-1)
        return x * node.scale if isinstance(node, nir.Scale) else x

    def _fire(self, name: str, node: nir.LIF | nir.IF, x: Floats) -> Floats:
        v = self.membranes.get(name, np.zeros(x.shape))
        if isinstance(node, nir.IF):
            v = v + DT * node.r * x
        elif self.rule == "euler":
            v = v + DT / node.tau * (node.v_leak - v + node.r * x)
        else:
            to = node.v_leak + node.r * x
            v = to + (v - to) * np.exp(-DT / node.tau)
        fired = v >= node.v_threshold if self.compare == "ge" else v > node.v_threshold
        self.membranes[name] = v * ~fired if self.reset == "zero" else v - node.v_threshold * fired
        self.spikes.setdefault(name, []).append(fired.astype(np.float64))
        return self.spikes[name][-1]


def _convolve(x: Floats, weight: Floats, bias: Floats) -> Floats:
    size, (rows, columns) = weight.shape[-1], x.shape[1:]
    padded = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
    out = np.zeros((len(weight), rows, columns))
    for row in range(rows):
        for column in range(columns):
            seen = padded[:, row : row + size, column : column + size]
            out[:, row, column] = (weight * seen).sum((1, 2, 3)) + bias
    return out
