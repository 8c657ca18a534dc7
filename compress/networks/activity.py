"""How active the inputs of a network's layers are: firing rates, and the bits of integers plane by plane."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import torch
from torch import Tensor

from spikewright.compress.methods.tokens import TokenSelector, gather_tokens
from spikewright.compress.networks.account import layers_of
from spikewright.cost.energy import Activity
from spikewright.models.graph import IMAGE, GraphOp, SpikingNetwork, graph_of
from spikewright.models.layers import count_pool, or_pool
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import residual


def _inputs(
    ops: list[GraphOp], images: Tensor, spikes: dict[str, Tensor], choices: Iterator[Tensor]
) -> dict[str, tuple[Tensor, ...]]:
    """What each layer read, whole numbers, by the cost model's names; every neuron's spikes are at hand.

    Values are ``[T, B, C, H, W]`` or, of tokens, ``[T, B, N, C]``; the choices of the selectors are indices.
    """
    values = {IMAGE: images if images.dim() == 5 else images[None], **spikes}
    read: dict[str, tuple[Tensor, ...]] = {}
    for op in ops:
        given = tuple(values[name] for name in op.reads)
        if op.kind in ("conv", "linear", "attention", "head"):
            read[op.name] = given
        if op.shortcut is not None:
            read[f"{op.name}.shortcut"] = (values[op.shortcut[0]],)
        if op.kind == "pool":
            values[op.name] = (or_pool if op.function == "or" else count_pool)(given[0])
        elif op.kind == "add":
            same = given[0].dim() == given[1].dim()
            a, b = given if same else map(_tokens, given)
            values[op.name] = residual(a, b, op.limit)
        elif op.kind == "select":
            x = _tokens(given[0])
            if isinstance(op.module, TokenSelector):
                read[f"{op.name}.hidden"] = (x,)
                read[f"{op.name}.score"] = (op.module.hidden_values(x),)
            values[op.name] = gather_tokens(x, next(choices))
    return read


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(3).transpose(2, 3) if x.dim() == 5 else x


def measured_activity(network: SpikingNetwork, images: Tensor, input_bits: int = 8) -> dict[str, Activity]:
    """Activity of the input of every layer (by the names of ``spikewright.compress.networks.account.layers_of``).

    images: codes as the network reads them, ``[B, C, H, W]`` or frames ``[T, B, C, H, W]``; input_bits: of a code, in
    two's complement where it has a sign. The network runs once, as in evaluation: tokens are gathered, and weights
    quantised as far as they are. ValueError for a network that does not spike.
    """
    ops, spikes = graph_of(network).ops, dict[str, Tensor]()
    training = network.training
    with torch.no_grad(), ExitStack() as hooks:
        for op in ops:
            if op.neuron is None:
                continue
            if not isinstance(op.neuron, LIF):
                raise ValueError(
                    f"activity is measured on spiking networks, but {op.name} has a {type(op.neuron).__name__}"
                )
            hook = op.neuron.register_forward_hook(lambda _m, _g, out, name=op.name: spikes.update({name: out}))
            hooks.callback(hook.remove)
        try:
            choices = network.eval().run(images).choices
            read = _inputs(ops, images, spikes, iter(choices))
        finally:
            network.train(training)
    planes = {layer.name: layer.planes for layer in layers_of(network, input_bits, frames=images.dim() == 5)}
    return {name: _activity(read[name], count) for name, count in planes.items()}


def _activity(values: tuple[Tensor, ...], planes: int) -> Activity:
    whole = [value.round().to(torch.int32) for value in values]
    active = sum(float((value != 0).double().mean()) for value in whole) / len(whole)
    if len(whole) > 1:
        return Activity(tuple(float(value.double().mean()) for value in whole), active)
    return Activity(tuple(float((whole[0] >> p & 1).double().mean()) for p in range(planes)), active)
