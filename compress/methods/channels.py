"""Whole channels leave a VGG or a ResNet (paper 4's structured variant): which ones, and what is left."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from spikewright.compress.methods.masks import MaskError, prunable, weight_count
from spikewright.models.convnets import ConvNet, Unit

#: Share of channels that leaves one of them in every layer.
_LEAST_SHARE = 1e-3


def channel_groups(network: ConvNet) -> list[list[int]]:
    """Units that must keep the same channels, because an identity shortcut adds one's to another's."""
    group = list(range(len(network.plan)))
    for i, part in enumerate(network.plan):
        unit = cast(Unit, network.unit[i])
        if part.shortcut is not None and unit.shortcut is not None and unit.shortcut.weight is None:
            group[i] = group[part.shortcut]
    return [[i for i, g in enumerate(group) if g == k] for k in sorted(set(group))]


def shrink_channels(network: ConvNet, share: float) -> ConvNet:
    """A new network with that share of every layer's channels, those of the greatest significance; ties to the lower.

    The significance is *ours*: the sum of |w| of a channel's own filter, over the units that share it. Attention maps
    guide the training afterwards, not the choice.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share!r}")
    kept: dict[int, Tensor] = {}
    for group in channel_groups(network):
        units = [cast(Unit, network.unit[i]) for i in group]
        score = torch.stack([unit.synapse.weight.detach().abs().flatten(1).sum(1) for unit in units]).sum(0)
        left = max(1, round(share * len(score)))
        order = torch.sort(score, descending=True, stable=True).indices[:left].sort().values
        kept |= dict.fromkeys(group, order)
    widths = tuple(len(kept[i]) for i in range(len(network.unit)))
    small = ConvNet(network.config.model_copy(update={"widths": widths}))
    everything = torch.arange(network.config.channels)
    with torch.no_grad():
        for i, (part, new, old) in enumerate(zip(network.plan, small.unit, network.unit, strict=True)):
            new_unit, old_unit = cast(Unit, new), cast(Unit, old)
            inputs = kept[i - 1] if i else everything
            new_unit.synapse.weight.copy_(old_unit.synapse.weight[kept[i]][:, inputs])
            if part.shortcut is not None and new_unit.shortcut is not None and new_unit.shortcut.weight is not None:
                assert old_unit.shortcut is not None
                assert old_unit.shortcut.weight is not None
                new_unit.shortcut.weight.copy_(old_unit.shortcut.weight[kept[i]][:, kept[part.shortcut]])
        small.head.weight.copy_(network.head.weight[:, kept[len(network.unit) - 1]])
        small.head.bias.copy_(network.head.bias)
    return small


def thinned(network: ConvNet, sparsity: float) -> ConvNet:
    """``shrink_channels`` until that share of the weights is gone, to within a channel."""
    return shrink_channels(network, share_for(network, 1 / (1 - sparsity)))


def share_for(network: ConvNet, compression: float) -> float:
    """The share of channels that leaves ``1 / compression`` of the weights, to within a channel.

    MaskError where one channel in each layer is still too much.
    """
    total, low, high = weight_count(prunable(network)), 0.0, 1.0
    for _ in range(20):
        share = (low + high) / 2
        left = weight_count(prunable(shrink_channels(network, max(share, _LEAST_SHARE))))
        low, high = (low, share) if left > total / compression else (share, high)
    if not low:
        least = weight_count(prunable(shrink_channels(network, _LEAST_SHARE)))
        raise MaskError(
            f"one channel in each layer leaves {least} of {total} weights, a compression of {total / least:.1f}; so "
            f"sparsity must be at most {math.floor(1e4 * (1 - least / total)) / 1e4}, not {1 - 1 / compression:.6g}"
        )
    return max(low, _LEAST_SHARE)
