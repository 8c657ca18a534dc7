"""A quantised network in PyTorch against the golden model of its package: every spike of every neuron, every score."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from spikewright.compress.quantise import QuantHead
from spikewright.models.data import Images
from spikewright.models.graph import SpikingNetwork, graph_of
from spikewright.models.package import Package
from spikewright.sim.golden import run as golden


class WitnessError(ValueError):
    """The network does not compute what its package says; the text is one sentence."""


def assert_same(network: SpikingNetwork, package: Package, images: Images, inputs: Tensor) -> dict[str, float]:
    """Firing rate by op, where spikes and scores of ``network`` (float64, on the grid) are the golden model's.

    inputs: the images as the network reads them. WitnessError names the first op whose spikes are others.
    """
    ops = graph_of(network.eval()).ops
    spikes: dict[str, Tensor] = {}
    hooks = [
        op.neuron.register_forward_hook(lambda _module, _read, out, name=op.name: spikes.update({name: out}))
        for op in ops
        if op.neuron is not None
    ]
    with torch.no_grad():
        logits = network.double()(inputs.double())
    network.float()
    for hook in hooks:
        hook.remove()
    wanted = golden(package, images)
    for name, found in spikes.items():
        mine = found.flatten(3).transpose(2, 3) if found.dim() == 5 else found  # a grid of pixels to tokens
        if name.endswith(".attn"):  # heads apart: [T, B, heads, N, width]
            mine = found.transpose(2, 3).flatten(3) if found.dim() == 5 else found
        if not torch.equal(mine.transpose(0, 1).to(torch.int64), wanted.values[name].to(torch.int64)):
            raise WitnessError(f"the spikes of {name} are not those of the graph that it describes")
    head = cast(QuantHead, next(op.module for op in ops if op.kind == "head"))
    before = next(op.input for op in package.network.ops if op.kind == "head")
    steps, tokens = wanted.values[before].shape[1:3]
    lsb = head.step.detach().double().reshape(1) * 2.0**-head.fmt.fraction_bits / (steps * tokens)
    if not torch.equal(logits, wanted.scores.double() * lsb):
        raise WitnessError("its class scores are not those of the graph that it describes")
    return {name: float(found.mean()) for name, found in spikes.items()}
