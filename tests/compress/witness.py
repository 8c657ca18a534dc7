"""A quantised network against the golden model of its package: every spike of every neuron, every score."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from spikewright.compress.quantise import QuantHead
from spikewright.models.data import Images
from spikewright.models.graph import Builder, SpikingNetwork
from spikewright.models.package import Package
from spikewright.sim.golden import run as golden


class _Neurons(Builder):
    def __init__(self) -> None:
        self.found: dict[str, nn.Module] = {}
        self.heads: list[nn.Module] = []

    def _neuron(self, name: str, *_: Any, neuron: nn.Module, **__: Any) -> str:
        self.found[name] = neuron
        return name

    def conv(self, name, source, synapse, norm, neuron, *, shortcut=None):  # type: ignore[no-untyped-def]
        return self._neuron(name, neuron=neuron)

    def linear(self, name, source, synapse, norm, neuron):  # type: ignore[no-untyped-def]
        return self._neuron(name, neuron=neuron)

    def attention(self, name, query, key, value, *, heads, neuron):  # type: ignore[no-untyped-def]
        return self._neuron(name, neuron=neuron)

    def head(self, name, source, synapse):  # type: ignore[no-untyped-def]
        self.heads.append(synapse)
        return name


def assert_same(network: SpikingNetwork, package: Package, images: Images, inputs: Tensor) -> dict[str, float]:
    """Spikes and scores of ``network`` (float64, on the grid) equal the golden model's; firing rate by layer."""
    told = _Neurons()
    network.eval().describe(told)
    spikes: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _module, _read, out, name=name: spikes.update({name: out}))
        for name, module in told.found.items()
    ]
    with torch.no_grad():
        logits = network.double()(inputs.double())
    network.float()
    for hook in hooks:
        hook.remove()
    wanted = golden(package, images)
    assert set(spikes) <= set(wanted.values)
    for name, found in spikes.items():
        mine = found.flatten(3).transpose(2, 3) if found.dim() == 5 else found  # a grid of pixels to tokens
        if name.endswith(".attn"):  # heads apart: [T, B, heads, N, width]
            mine = found.transpose(2, 3).flatten(3) if found.dim() == 5 else found
        assert torch.equal(mine.transpose(0, 1).to(torch.int64), wanted.values[name].to(torch.int64)), name
    head = cast(QuantHead, told.heads[0])
    before = next(op.input for op in package.network.ops if op.kind == "head")
    steps, tokens = wanted.values[before].shape[1:3]
    lsb = head.step.detach().double().reshape(1) * 2.0**-head.fmt.fraction_bits / (steps * tokens)
    assert torch.equal(logits, wanted.scores.double() * lsb)
    return {name: float(found.mean()) for name, found in spikes.items()}
