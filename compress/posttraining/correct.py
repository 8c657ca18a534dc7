"""Post-training quantisation in one pass: steps by least squares on the weights, then each channel's gain and offset.

A quantised layer's currents are held against the float layer's on calibration images, both fed by the float network:
per channel the gain and offset of least squares go into its norm (or into step and bias, where there is none), and
with it into the threshold and bias of the integer grid. Nagel et al., "A White Paper on Neural Network Quantization"
(2021), section 3.2, correct the offset; the gain is the same idea for a threshold.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from spikewright.compress.methods.quantise import (
    QuantFormat,
    QuantHead,
    Quantised,
    QuantShortcut,
    quantised_layer,
)
from spikewright.compress.networks.build import exact, quantise, set_exact
from spikewright.compress.posttraining.layers import channel_axis, current, split, walk
from spikewright.models.graph import GraphOp, SpikingNetwork, graph_of
from spikewright.models.graph_run import execute
from spikewright.models.layers import Shortcut

#: A gain outside is no rounding of weights any more: the channel's currents have nothing to do with each other.
GAINS = (0.5, 2.0)
#: Images of a pass at once.
BATCH = 8


class _Moments:
    """Sums over all that a channel reads, for a line of least squares."""

    def __init__(self) -> None:
        self.count, self.sums = 0, torch.zeros(0)

    def add(self, float_current: Tensor, own: Tensor, axis: int) -> None:
        y, x = (each.double().movedim(axis, 0).flatten(1) for each in (float_current, own))
        sums = torch.stack([x.sum(1), y.sum(1), (x * x).sum(1), (x * y).sum(1)])
        self.sums = sums if not self.count else self.sums + sums
        self.count += x.shape[1]

    def line(self) -> tuple[Tensor, Tensor]:
        """Gain and offset by channel."""
        x, y, xx, xy = self.sums / self.count
        spread, together = xx - x * x, xy - x * y
        usable = spread > 1e-12 * (xx + 1e-30)
        gain = torch.where(usable, together / spread.clamp(min=1e-30), torch.ones_like(x))
        gain = torch.where((gain >= GAINS[0]) & (gain <= GAINS[1]), gain, torch.ones_like(x))
        return gain, y - gain * x


def quantised(
    network: SpikingNetwork,
    formats: Mapping[str, QuantFormat],
    images: Tensor,
    tell: Callable[[str], None] = lambda _layer: None,
) -> SpikingNetwork:
    """A copy of a float network in these formats (by module path), corrected, on the exact integer grid.

    images: calibration images as the network reads them; no labels. tell: hears of each layer that is corrected.
    """
    copied = copy.deepcopy(network)
    quantise(copied, dict(formats))
    set_exact(copied, False)
    copied.eval()
    own = {op.name: op for op in graph_of(copied).ops}
    moments: dict[str, _Moments] = {}
    with torch.no_grad():
        for part in split(images, BATCH):
            for op, given, joined, made in walk(network, part):
                mine = own[op.name]
                if not isinstance(mine.module, Quantised):
                    continue
                seen = moments.setdefault(op.name, _Moments())
                _look(seen, op, mine, given, network.size.steps, joined, made)
        for name, seen in moments.items():
            tell(name)
            correct(own[name], *seen.line())
    return exact(copied)


def alone(
    op: GraphOp, fmt: QuantFormat, given: Sequence[Tensor], steps: int, joined: Tensor | None, made: Tensor
) -> GraphOp:
    """An op of a float network in a format, corrected on what it read, on the exact integer grid; the op stays."""
    assert op.module is not None
    layer = quantised_layer(copy.deepcopy(op.module), fmt)
    shortcut = op.shortcut
    if shortcut is not None:
        shortcut = shortcut[0], QuantShortcut(copy.deepcopy(cast(Shortcut, shortcut[1])), layer)
    mine = replace(op, module=layer.eval(), norm=copy.deepcopy(op.norm), shortcut=shortcut)
    seen = _Moments()
    _look(seen, op, mine, given, steps, joined, made)
    correct(mine, *seen.line())
    layer.exact = True
    return mine


def _look(
    seen: _Moments,
    op: GraphOp,
    mine: GraphOp,
    given: Sequence[Tensor],
    steps: int,
    joined: Tensor | None,
    made: Tensor,
) -> None:
    """Take in what an op's float and quantised versions make of the same values."""
    if op.kind == "head":
        seen.add(made, execute(mine, given, steps), -1)
        return
    still = op.kind == "conv" and given[0].shape[0] == 1  # an image's current is the same at each step
    wanted, own = (current(each, given, steps, joined)[: 1 if still else steps] for each in (op, mine))
    seen.add(wanted, own, channel_axis(op))


def correct(op: GraphOp, gain: Tensor, offset: Tensor) -> None:
    """Put gain and offset of the currents into an op: its norm, or its step and bias."""
    layer = op.module
    assert isinstance(layer, Quantised)
    if isinstance(layer, QuantHead):  # one step for all classes
        layer.bias += offset.to(layer.bias.dtype)
        return
    if op.norm is not None:
        op.norm.weight.mul_(gain.to(op.norm.weight.dtype))
        op.norm.bias.copy_((op.norm.bias.double() * gain + offset).to(op.norm.bias.dtype))
        return
    if op.shortcut is not None:  # a gain would have to go into both that meet
        gain = torch.ones_like(gain)
    layer.step.mul_(gain.to(layer.step.dtype).reshape(layer.step.shape))
    bias = torch.zeros_like(offset) if layer.bias is None else layer.bias.double() * gain
    layer.bias = nn.Parameter((bias + offset).to(layer.weight.dtype), requires_grad=False)


def reestimate_norms(network: SpikingNetwork, images: Tensor) -> None:
    """Set the running statistics of all norms to those of these images, in place: one pass, an average of all batches.

    With momentum 0.1, one pass would leave a mixture of old and new that no network was trained with.
    """
    own = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in own:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for part in split(images, BATCH):
            network(part)
    network.eval()
