"""A quantised network against the golden model of its package: every spike of every neuron, every score."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from spikewright.compress.quantise import QuantHead
from spikewright.models.data import Images
from spikewright.models.graph import SpikingNetwork, graph_of
from spikewright.models.package import Package
from spikewright.sim.golden import run as golden


def assert_same(network: SpikingNetwork, package: Package, images: Images, inputs: Tensor) -> dict[str, float]:
    """Spikes and scores of ``network`` (float64, on the grid) equal the golden model's; firing rate by layer."""
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
    assert set(spikes) <= set(wanted.values)
    for name, found in spikes.items():
        mine = found.flatten(3).transpose(2, 3) if found.dim() == 5 else found  # a grid of pixels to tokens
        if name.endswith(".attn"):  # heads apart: [T, B, heads, N, width]
            mine = found.transpose(2, 3).flatten(3) if found.dim() == 5 else found
        assert torch.equal(mine.transpose(0, 1).to(torch.int64), wanted.values[name].to(torch.int64)), name
    head = cast(QuantHead, next(op.module for op in ops if op.kind == "head"))
    before = next(op.input for op in package.network.ops if op.kind == "head")
    steps, tokens = wanted.values[before].shape[1:3]
    lsb = head.step.detach().double().reshape(1) * 2.0**-head.fmt.fraction_bits / (steps * tokens)
    assert torch.equal(logits, wanted.scores.double() * lsb)
    return {name: float(found.mean()) for name, found in spikes.items()}
