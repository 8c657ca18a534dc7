"""sLIF, our reading of paper 3: every neuron's threshold and leak are trained with the (masked) weights.

With a BatchNorm in front of a neuron that resets to zero, a threshold per channel only rescales γ and β; behind
attention, where none stands, it does more. What adds freedom is the leak. So the controls are: thresholds only, leaks
only, and plain LIF trained for as many epochs.
"""

from __future__ import annotations

from typing import Literal, cast

from torch import Tensor, nn

from spikewright.models.graph import Builder, Norm, SpikingNetwork
from spikewright.models.neurons import LIF, PlasticLIF

Kind = Literal["slif", "threshold", "leak", "lif"]


class _Neurons(Builder):
    """Listens to a network: every neuron, with its channels, the axes behind them, and whether it reads integers."""

    def __init__(self) -> None:
        self.found: list[tuple[LIF, int, int, bool]] = []
        self.channels: dict[str, int] = {}

    def _layer(self, name: str, synapse: nn.Module, neuron: LIF, tail: int) -> str:
        weight = cast(Tensor, synapse.weight)
        self.channels[name] = weight.shape[0]
        self.found.append((neuron, self.channels[name], tail, False))
        return name

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
        return self._layer(name, synapse, neuron, 2)

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        return self._layer(name, synapse, neuron, 0)

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        self.found.append((neuron, self.channels[value], 0, True))
        return name


def make_plastic(network: SpikingNetwork, kind: Kind) -> None:
    """Replace every LIF of the network, in place, by one that learns per channel; ``lif`` replaces nothing."""
    if kind == "lif":
        return
    neurons = _Neurons()
    network.describe(neurons)
    parents = {id(child): (parent, name) for parent in network.modules() for name, child in parent.named_children()}
    for neuron, channels, tail, whole in neurons.found:
        parent, name = parents[id(neuron)]
        plastic = PlasticLIF(
            neuron, channels, tail=tail, learn_level=kind != "leak", learn_leak=kind != "threshold", whole=whole
        )
        setattr(parent, name, plastic)
