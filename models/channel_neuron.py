"""A neuron whose threshold and leak, one of each per channel, are given and not trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikewright.models.neurons import LIF, Compare, Reset, Surrogate, fire


class ChannelLIF(LIF):
    """A LIF node with a fixed leak and threshold per channel. It has no parameters and adds no state_dict keys.

    In float it computes with the leaks as they were given; on the integer grid, and in a package, with the nearest
    sixteenths. ``round_leaks`` takes those in float, too.

    leak: kept of the membrane at each step, from 0 to 1 (1 is an IF neuron), and level: what u is compared with, above
    0, each ``[C]`` or ``[1]``; tail: axes behind the channel axis of what it reads, 0 for ``[T, B, N, C]``, 2 for
    ``[T, B, C, H, W]``; whole: the input is an integer (attention products), so levels must be whole numbers.
    ValueError for values that make no neuron.
    """

    level: Tensor  # type: ignore[assignment]
    leak: Tensor  # type: ignore[assignment]

    def __init__(
        self,
        leak: Tensor,
        level: Tensor,
        *,
        tail: int = 0,
        reset: Reset = "hard",
        compare: Compare = "ge",
        surrogate: Surrogate = "atan",
        whole: bool = False,
    ) -> None:
        nn.Module.__init__(self)
        if leak.dim() != 1 or level.dim() != 1:
            raise ValueError(f"leak and level must have one axis, not {list(leak.shape)} and {list(level.shape)}")
        if not bool(((leak >= 0) & (leak <= 1)).all()):
            raise ValueError(f"leak must be from 0 to 1, not {leak.tolist()!r}")
        if not bool(((level > 0) & level.isfinite()).all()):
            raise ValueError(f"level must be positive, not {level.tolist()!r}")
        if whole and not torch.equal(level, level.round()):
            raise ValueError(f"level must be a whole number where the input is one, not {level.tolist()!r}")
        if reset not in ("hard", "soft"):
            raise ValueError(f"reset must be 'hard' or 'soft', not {reset!r}")
        if compare not in ("ge", "gt"):
            raise ValueError(f"compare must be 'ge' or 'gt', not {compare!r}")
        self.register_buffer("leak", leak.detach().clone(), persistent=False)
        self.register_buffer("level", level.detach().clone(), persistent=False)
        self.reset, self.compare, self.surrogate = reset, compare, surrogate
        self.tail, self.whole = tail, whole

    def levels(self) -> Tensor:
        return self.level

    def sixteenths(self) -> Tensor:
        """The leaks as they are exported: the nearest m/16, as whole numbers m, float64 ``[C]`` or ``[1]``."""
        return (self.leak.double() * 16).round()

    def round_leaks(self) -> Tensor:
        """Take the nearest sixteenths from now on, in float, too; by how much each leak grew, float64."""
        given = self.leak.double()
        self.leak = (self.sixteenths() / 16).to(self.leak.dtype)
        return self.leak.double() - given

    def forward(self, x: Tensor, threshold: Tensor | None = None) -> Tensor:
        shape = (-1, *([1] * self.tail))
        whole = self.whole or threshold is not None
        leak = self.sixteenths() / 16 if whole else self.leak
        return fire(
            x,
            self.level.reshape(shape) if threshold is None else threshold,
            leak=leak.reshape(shape),
            reset=self.reset,
            compare=self.compare,
            surrogate=self.surrogate,
            whole=whole,
        )

    def extra_repr(self) -> str:
        return (
            f"channels={self.level.numel()}, reset={self.reset!r}, compare={self.compare!r}, "
            f"surrogate={self.surrogate!r}, tail={self.tail}, whole={self.whole}"
        )
