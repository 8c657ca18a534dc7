"""The graph of a spiking network, told once by the network itself: export, cost and search all listen to it.

A network's ``describe(to)`` calls one method of a :class:`Builder` for each op, in execution order, and hands on the
names of the values. Names are those of docs/package.md.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

from spikewright.models.neurons import LIF

IMAGE = "input"

Norm = nn.BatchNorm1d | nn.BatchNorm2d


class Result(NamedTuple):
    """``logits [B, classes]``; per token selector the cumulative keep mask or the kept indices, as its mode is."""

    logits: Tensor
    choices: list[Tensor]


class Builder:
    """What listens: each method is told of one op and returns the name of the value it makes; here, and no more."""

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
        """3×3 convolution, norm, neuron; shortcut: the value and the branch that join in front of the neuron."""
        return name

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        """The same matrix at each token, norm, neuron."""
        return name

    def pool(self, name: str, source: str, *, function: Literal["or", "count"] = "or") -> str:
        """OR over 3×3 windows of spikes, stride 2; or their count in 2×2 windows, stride 2."""
        return name

    def add(self, name: str, stream: str, spikes: str, *, limit: int | None = None) -> str:
        """Residual addition; limit: where the stream saturates."""
        return name

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        """``(q·kᵀ)·v`` by heads, neuron."""
        return name

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        """Token selector."""
        return name

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        """Class scores."""
        return name


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
