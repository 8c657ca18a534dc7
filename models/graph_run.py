"""Ops of a graph, one at a time, on the values of a float network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from spikewright.models.graph import GraphOp
from spikewright.models.layers import Conv3, Dense, Shortcut, count_pool, or_pool
from spikewright.models.spikformer import Head, residual


def execute(op: GraphOp, given: Sequence[Tensor], steps: int, joined: Tensor | None = None) -> Tensor:
    """What an op makes of what it reads: on a grid ``[T, B, C, H, W]``, else ``[T, B, N, C]``; of a head the scores.

    given: its values, the still image with one step; joined: what the shortcut of a convolution reads. ValueError for a
    token selector, which chooses.
    """
    x = given[0]
    if op.kind == "conv":
        branch = None
        if op.shortcut is not None and joined is not None:
            # the still image is one step, which meets sums of all steps
            x, joined = (value.expand(steps, *value.shape[1:]) for value in (x, joined))
            branch = cast(Shortcut, op.shortcut[1]), _on_grid(joined, x)
        norm = cast(nn.BatchNorm2d | None, op.norm)
        return cast(Conv3, op.part).drive(x, norm, op.fires, steps=steps, shortcut=branch)
    if op.kind == "pool":
        return (or_pool if op.function == "or" else count_pool)(x)
    if op.kind == "linear":
        return cast(Dense, op.part).drive(tokens(x), cast(nn.BatchNorm1d | None, op.norm), op.fires)
    if op.kind == "add":
        other = given[1]
        if x.dim() != other.dim():
            x, other = tokens(x), tokens(other)
        return residual(x, other, op.limit)
    if op.kind == "attention":
        return _attend(op, *map(tokens, given))
    if op.kind == "head":
        return cast(Head, op.part).read(tokens(x), None)
    raise ValueError(f"{op.name}: a {op.kind} is not run by itself")


def tokens(x: Tensor) -> Tensor:
    """A value by token, ``[T, B, N, C]``, n = row · W + column."""
    return x.flatten(3).transpose(2, 3) if x.dim() == 5 else x


def _on_grid(x: Tensor, like: Tensor) -> Tensor:
    """A value on the grid of another, ``[T, B, C, H, W]``."""
    return x if x.dim() == 5 else x.transpose(2, 3).reshape(*x.shape[:2], x.shape[3], *like.shape[3:])


def _attend(op: GraphOp, *values: Tensor) -> Tensor:
    q, k, v = (x.reshape(*x.shape[:-1], op.heads, -1).transpose(2, 3) for x in values)
    products = q @ (k.transpose(-1, -2) @ v)  # the same integers as (q·kᵀ)·v
    spikes: Tensor = op.fires(products.transpose(2, 3).flatten(3))
    return spikes
