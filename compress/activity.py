"""How active the inputs of a network's layers are: firing rates, and the bits of integers plane by plane."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Literal

import torch
from torch import Tensor, nn

from spikewright.compress.account import layers_of
from spikewright.compress.tokens import TokenSelector, gather_tokens
from spikewright.cost.energy import Activity
from spikewright.models.graph import IMAGE, Builder, Norm, SpikingNetwork
from spikewright.models.layers import count_pool, or_pool
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import residual


class _Neurons(Builder):
    """Listens for the neuron behind each op."""

    def __init__(self) -> None:
        self.found: dict[str, nn.Module] = {}

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
        self.found[name] = neuron
        return name

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        self.found[name] = neuron
        return name

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        self.found[name] = neuron
        return name


class _Inputs(Builder):
    """Listens with every neuron's spikes at hand: works out what each layer read, whole numbers.

    Values are ``[T, B, C, H, W]`` or, of tokens, ``[T, B, N, C]``; the choices of the selectors are indices.
    """

    def __init__(self, images: Tensor, spikes: dict[str, Tensor], choices: list[Tensor]) -> None:
        self.values = {IMAGE: images if images.dim() == 5 else images[None], **spikes}
        self.choices = iter(choices)
        self.read: dict[str, tuple[Tensor, ...]] = {}

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
        self.read[name] = (self.values[source],)
        if shortcut is not None:
            self.read[f"{name}.shortcut"] = (self.values[shortcut[0]],)
        return name

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        self.read[name] = (self.values[source],)
        return name

    def pool(self, name: str, source: str, *, function: Literal["or", "count"] = "or") -> str:
        self.values[name] = (or_pool if function == "or" else count_pool)(self.values[source])
        return name

    def add(self, name: str, stream: str, spikes: str, *, limit: int | None = None) -> str:
        a, b = self.values[stream], self.values[spikes]
        same = a.dim() == b.dim()
        self.values[name] = residual(a if same else _tokens(a), b if same else _tokens(b), limit)
        return name

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        self.read[name] = (self.values[query], self.values[key], self.values[value])
        return name

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        x = _tokens(self.values[source])
        if isinstance(selector, TokenSelector):
            self.read[f"{name}.hidden"] = (x,)
            self.read[f"{name}.score"] = (selector.hidden_values(x),)
        self.values[name] = gather_tokens(x, next(self.choices))
        return name

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        self.read[name] = (self.values[source],)
        return name


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(3).transpose(2, 3) if x.dim() == 5 else x


def measured_activity(network: SpikingNetwork, images: Tensor, input_bits: int = 8) -> dict[str, Activity]:
    """Activity of the input of every layer (by the names of :func:`spikewright.compress.account.layers_of`).

    images: codes as the network reads them, ``[B, C, H, W]`` or frames ``[T, B, C, H, W]``; input_bits: of a code, in
    two's complement where it has a sign. The network runs once, as in evaluation: tokens are gathered, and weights
    quantised as far as they are. ValueError for a network that does not spike.
    """
    told, spikes = _Neurons(), dict[str, Tensor]()
    network.describe(told)
    training = network.training
    with torch.no_grad(), ExitStack() as hooks:
        for name, neuron in told.found.items():
            if not isinstance(neuron, LIF):
                raise ValueError(f"activity is measured on spiking networks, but {name} has a {type(neuron).__name__}")
            hook = neuron.register_forward_hook(lambda _m, _g, out, name=name: spikes.update({name: out}))
            hooks.callback(hook.remove)
        try:
            choices = network.eval().run(images).choices
            inputs = _Inputs(images, spikes, choices)
            network.describe(inputs)
        finally:
            network.train(training)
    planes = {layer.name: layer.planes for layer in layers_of(network, input_bits, frames=images.dim() == 5)}
    return {name: _activity(inputs.read[name], count) for name, count in planes.items()}


def _activity(values: tuple[Tensor, ...], planes: int) -> Activity:
    whole = [value.round().to(torch.int32) for value in values]
    active = sum(float((value != 0).double().mean()) for value in whole) / len(whole)
    if len(whole) > 1:
        return Activity(tuple(float(value.double().mean()) for value in whole), active)
    return Activity(tuple(float((whole[0] >> p & 1).double().mean()) for p in range(planes)), active)
