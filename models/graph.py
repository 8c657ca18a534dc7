"""The graph of a spiking network, told once by the network itself: export, cost and search read it.

A network's ``describe(to)`` calls one method of a ``Builder`` for each op, in execution order, and hands on the
names of the values; ``graph_of`` gives what was told. Names are those of docs/package.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor, nn

from spikewright.models.neurons import LIF

IMAGE = "input"

Norm = nn.BatchNorm1d | nn.BatchNorm2d
OpKind = Literal["conv", "linear", "pool", "add", "attention", "select", "head"]
PoolFunction = Literal["or", "count"]


class Result(NamedTuple):
    """``logits [B, classes]``; per token selector the cumulative keep mask or the kept indices, as its mode is."""

    logits: Tensor
    choices: list[Tensor]


@dataclass(frozen=True, eq=False)
class GraphOp:
    """One op, as the network told it; the methods of ``Builder`` say what each kind has.

    reads: names of the values, of attention query, key and value, of add stream and spikes; module: the synapse, of
    select the selector; shortcut: the value and the branch that join in front of the neuron.
    """

    kind: OpKind
    name: str
    reads: tuple[str, ...]
    module: nn.Module | None = None
    norm: Norm | None = None
    neuron: LIF | None = None
    shortcut: tuple[str, nn.Module] | None = None
    function: PoolFunction = "or"
    heads: int = 1
    limit: int | None = None

    @property
    def part(self) -> nn.Module:
        """The module of a kind that has one."""
        assert self.module is not None, f"{self.kind} has no module"
        return self.module

    @property
    def fires(self) -> LIF:
        """The neuron of a kind that has one."""
        assert self.neuron is not None, f"{self.kind} has no neuron"
        return self.neuron


class Builder:
    """Takes down the ops in ``ops``; each method is told of one, and returns the name of the value it makes."""

    def __init__(self) -> None:
        self.ops: list[GraphOp] = []

    def _take(self, op: GraphOp) -> str:
        self.ops.append(op)
        return op.name

    def conv(
        self,
        name: str,
        source: str,
        synapse: nn.Module,
        norm: Norm | None,
        neuron: LIF,
        *,
        shortcut: tuple[str, nn.Module] | None = None,
    ) -> str:
        """3×3 convolution, norm, neuron.

        shortcut: the value and the branch that join in front of the neuron.
        """
        return self._take(GraphOp("conv", name, (source,), synapse, norm, neuron, shortcut))

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        """The same matrix at each token, norm, neuron."""
        return self._take(GraphOp("linear", name, (source,), synapse, norm, neuron))

    def pool(self, name: str, source: str, *, function: PoolFunction = "or") -> str:
        """OR over 3×3 windows of spikes, stride 2; or their count in 2×2 windows, stride 2."""
        return self._take(GraphOp("pool", name, (source,), function=function))

    def add(self, name: str, stream: str, spikes: str, *, limit: int | None = None) -> str:
        """Residual addition.

        limit: where the stream saturates.
        """
        return self._take(GraphOp("add", name, (stream, spikes), limit=limit))

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        """``(q·kᵀ)·v`` by heads, neuron."""
        return self._take(GraphOp("attention", name, (query, key, value), neuron=neuron, heads=heads))

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        """Token selector."""
        return self._take(GraphOp("select", name, (source,), selector))

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        """Class scores."""
        return self._take(GraphOp("head", name, (source,), synapse))


class Size(NamedTuple):
    """What a network reads and answers."""

    height: int
    width: int
    channels: int
    classes: int
    steps: int


class SpikingNetwork(nn.Module):
    """What compression needs of a network: a torch module of Spikewright's layers that can tell its graph."""

    @property
    def size(self) -> Size:
        """Image, classes and T."""
        raise NotImplementedError

    def run(self, images: Tensor) -> Result:
        """Scores of images ``[B, C, H, W]`` (the same at each step) or ``[T, B, C, H, W]``, and what was selected."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Class scores ``[B, classes]``."""
        return self.run(images).logits

    def describe(self, to: Builder) -> str:
        """Tell ``to`` every op in execution order; returns the name of the scores."""
        raise NotImplementedError


class NetworkGraph(NamedTuple):
    """What a network told: its ops in execution order, and the name of the scores."""

    ops: list[GraphOp]
    output: str


def graph_of(network: SpikingNetwork) -> NetworkGraph:
    """The network's graph."""
    builder = Builder()
    output = network.describe(builder)
    return NetworkGraph(builder.ops, output)
