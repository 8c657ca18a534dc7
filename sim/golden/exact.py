"""Exact integer arithmetic on torch tensors.

Products run in float64, which torch computes fast. That is exact here: every operand is an integer, and ``bound``, the
greatest row sum of |weight| times the greatest |input|, limits every partial sum in any order of summation (fused or
not). Below 2**53 all of those are float64 numbers, so no rounding takes place. The bound is checked at each call.
"""

import torch
from torch import Tensor
from torch.nn import functional

from spikewright.models.package import Compare, NeuronFormat, Reset

LIMIT = 1 << 53


def _require(bound: int) -> None:
    if bound >= LIMIT:
        raise OverflowError(f"a sum can reach {bound}, and float64 holds integers exactly only below 2**53")


def _peak(x: Tensor) -> int:
    return int(x.abs().max()) if x.numel() else 0


def linear(x: Tensor, weights: Tensor) -> Tensor:
    """x int64 [..., in] times weights int64 [out, in]: int64 [..., out]."""
    _require(_peak(x) * int(weights.abs().sum(1).max()))
    return functional.linear(x.double(), weights.double()).long()


def conv(x: Tensor, weights: Tensor, grid: tuple[int, int]) -> Tensor:
    """3x3, stride 1, zero padding 1: x int64 [B, T, H*W, in], weights int64 [out, in, 3, 3]."""
    _require(_peak(x) * int(weights.abs().sum((1, 2, 3)).max()))
    batch, steps, tokens, channels = x.shape
    planes = x.double().reshape(batch * steps, *grid, channels).permute(0, 3, 1, 2)
    sums = functional.conv2d(planes, weights.double(), padding=1)
    return sums.permute(0, 2, 3, 1).reshape(batch, steps, tokens, -1).long()


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """(q k^T) v per head, spikes int64 [B, T, N, C], v's C its own; sums are at most N * C / heads."""
    batch, steps, tokens, channels = query.shape
    _require(tokens * channels // heads)
    q, k, v = (x.double().reshape(batch, steps, tokens, heads, -1).transpose(2, 3) for x in (query, key, value))
    sums = (q @ k.transpose(-1, -2)) @ v
    return sums.transpose(2, 3).reshape(value.shape).long()


def pool(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """OR of 3x3 windows, stride 2, padding 1, over spikes int64 [B, T, H*W, C]."""
    batch, steps, tokens, channels = x.shape
    planes = x.float().reshape(batch * steps, *grid, channels).permute(0, 3, 1, 2)
    pooled = functional.max_pool2d(planes, kernel_size=3, stride=2, padding=1)
    return pooled.permute(0, 2, 3, 1).reshape(batch, steps, tokens // 4, channels).long()


def count_pool(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Spikes in each 2x2 window, stride 2, of int64 [B, T, H*W, C]: 0 to 4."""
    batch, steps, tokens, channels = x.shape
    windows = x.reshape(batch, steps, grid[0] // 2, 2, grid[1] // 2, 2, channels)
    return windows.sum(dim=(3, 5)).reshape(batch, steps, tokens // 4, channels)


def fire(
    sums: Tensor, neuron: NeuronFormat, threshold: Tensor, bias: Tensor, steps: int, leaks: Tensor | None = None
) -> Tensor:
    """Neurons over int64 sums [B, T or 1, N, C] (one step: the same current at every step): spikes int64.

    leaks: in sixteenths, one a channel, where the neuron has no leak for all of them.
    """
    leak = neuron.leak if leaks is None else leaks
    assert leak is not None
    currents = sums * 2**neuron.fraction_bits + bias
    u = torch.zeros_like(currents[:, 0])
    spikes = []
    for step in range(steps):
        current = currents[:, step] if currents.shape[1] > 1 else currents[:, 0]
        if neuron.compare is Compare.GE:
            u = torch.div(leak * u, 16, rounding_mode="floor") + current
            spike = (u >= threshold).long()
        else:
            u = -torch.div(-leak * u, 16, rounding_mode="floor") + current
            spike = (u > threshold).long()
        u = u - threshold * spike if neuron.reset is Reset.SOFT else u * (1 - spike)
        spikes.append(spike)
    return torch.stack(spikes, dim=1)
