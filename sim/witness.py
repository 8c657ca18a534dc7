"""A quantised network in PyTorch against the golden model of its package: every spike of every neuron, every score."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from spikewright.compress.methods.quantise import QuantHead
from spikewright.errors import PlainError
from spikewright.models.data import Images
from spikewright.models.graph import GraphOp, SpikingNetwork, graph_of
from spikewright.models.package import Package
from spikewright.sim.golden import run


class WitnessError(PlainError):
    """The network does not compute what its package says; the text is one sentence."""


def assert_same(network: SpikingNetwork, package: Package, images: Images, inputs: Tensor) -> dict[str, float]:
    """Firing rate by op, where spikes and scores of ``network`` (float64, on the grid) are the golden model's.

    inputs: the images as the network reads them. WitnessError names the first op whose spikes are others, or do not
    come as ``_by_token`` knows them.
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
    trace = run(package, images)
    for op in ops:
        if op.neuron is not None:
            if op.name not in spikes:
                raise WitnessError(f"the neuron of {op.name} is never called")
            expected = trace.values[op.name].transpose(0, 1)
            fired = _by_token(spikes[op.name], op, expected.shape)
            if not torch.equal(fired.to(torch.int64), expected.to(torch.int64)):
                raise WitnessError(f"the spikes of {op.name} are not those of the graph that it describes")
    head = cast(QuantHead, next(op.module for op in ops if op.kind == "head"))
    before = next(op.input for op in package.network.ops if op.kind == "head")
    steps, tokens = trace.values[before].shape[1:3]
    lsb = head.step.detach().double().reshape(1) * 2.0**-head.fmt.fraction_bits / (steps * tokens)
    if not torch.equal(logits, trace.scores.double() * lsb):
        raise WitnessError("its class scores are not those of the graph that it describes")
    return {name: float(tensor.mean()) for name, tensor in spikes.items()}


def _by_token(spikes: Tensor, op: GraphOp, shape: torch.Size) -> Tensor:
    """A neuron's spikes as ``shape``, [T, B, N, C]; they come so, as [T, B, C, H, W], or with heads apart.

    Heads apart are [T, B, heads, N, C / heads]. Neighbouring axes may be one, as [T, B·N, C].
    """
    steps, images, tokens, channels = shape
    if op.kind == "attention" and spikes.shape == (steps, images, op.heads, tokens, channels // op.heads):
        return spikes.transpose(2, 3).flatten(3)
    if spikes.dim() == 5 and spikes.shape[2] == channels and spikes[0, 0, 0].numel() == tokens:
        return spikes.flatten(3).transpose(2, 3)
    if spikes.numel() == shape.numel() and (spikes.shape[0], spikes.shape[-1]) == (steps, channels):
        return spikes.reshape(shape)
    raise WitnessError(
        f"the neuron of {op.name} answers spikes of shape {list(spikes.shape)}; allowed is {list(shape)}, of steps, "
        "images, tokens and channels, or a grid of pixels behind the channels"
    )
