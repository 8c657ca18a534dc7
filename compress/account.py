"""What a network would cost: it tells its graph, and the shapes of its layers are written down for the cost model."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from spikewright.compress.quantise import Quantised
from spikewright.compress.selector_controls import FiringRateSelector
from spikewright.compress.tokens import TokenSelector
from spikewright.cost.work import Kind, Layer
from spikewright.models.graph import IMAGE, Builder, Norm, Size, SpikingNetwork
from spikewright.models.neurons import LIF


class _Account(Builder):
    """Listens to a network (:class:`spikewright.models.graph.Builder`).

    Every layer is computed T times, the first on a still image too: so do the papers count.
    """

    def __init__(self, size: Size, input_bits: int) -> None:
        self.layers: list[Layer] = []
        self.steps = size.steps
        self.places = {IMAGE: size.height * size.width}
        self.bound = {IMAGE: 2**input_bits - 1}  # greatest value
        self.channels = {IMAGE: 0}

    def _layer(self, name: str, kind: Kind, source: str, synapse: nn.Module, steps: int, result: int) -> str:
        weight = synapse.weight
        assert isinstance(weight, torch.Tensor)
        codes, bits = (synapse.integer_codes(), synapse.fmt.bits) if isinstance(synapse, Quantised) else (weight, 32)
        outputs, inputs = weight.shape[:2]
        self.layers.append(
            Layer(
                name, kind, inputs, outputs, self.places[source], steps,
                taps=weight.numel() // (inputs * outputs), planes=max(1, self.bound[source].bit_length()),
                spikes=self.bound[source] == 1, weights=weight.numel(), kept=int(codes.count_nonzero()), bits=bits,
            )
        )  # fmt: skip
        self.places[name], self.bound[name], self.channels[name] = self.places[source], result, outputs
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
        self._layer(name, "conv", source, synapse, self.steps, 1)
        if shortcut is not None and getattr(shortcut[1], "weight", None) is not None:
            self._layer(f"{name}.shortcut", "conv", *shortcut, self.steps, 1)
        return name

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        return self._layer(name, "linear", source, synapse, self.steps, 1)

    def pool(self, name: str, source: str, *, function: Literal["or", "count"] = "or") -> str:
        self.places[name] = self.places[source] // 4
        self.bound[name] = self.bound[source] * (4 if function == "count" else 1)
        self.channels[name] = self.channels[source]
        return name

    def add(self, name: str, stream: str, spikes: str) -> str:
        self.places[name] = self.places[stream]
        self.bound[name], self.channels[name] = self.bound[stream] + self.bound[spikes], self.channels[stream]
        return name

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        inputs, outputs = self.channels[query], self.channels[value]
        self.layers.append(Layer(name, "attention", inputs, outputs, self.places[query], self.steps, heads=heads))
        self.places[name], self.bound[name], self.channels[name] = self.places[query], 1, outputs
        return name

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        if isinstance(selector, TokenSelector):
            # the mean over the steps comes first, so its MLP runs once
            self._layer(f"{name}.hidden", "select", source, selector.hidden, 1, 255)
            self._layer(f"{name}.score", "select", f"{name}.hidden", selector.score, 1, 1)
        assert isinstance(selector, TokenSelector | FiringRateSelector)
        self.places[name], self.bound[name] = selector.keep, self.bound[source]
        self.channels[name] = self.channels[source]
        return name

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        self.places[source] = 1  # the mean over tokens and steps comes first
        return self._layer(name, "head", source, synapse, 1, 1)


def layers_of(network: SpikingNetwork, input_bits: int = 8) -> list[Layer]:
    """The network's layers in execution order, as counts. input_bits: of an image code."""
    account = _Account(network.size, input_bits)
    network.describe(account)
    return account.layers
