"""The leaky integrate-and-fire neuron over T steps, with a surrogate gradient.

With τ = 2 the textbook form ``H = V + (X − V)/2, spike if H ≥ V_th`` is the same as ``u = u/2 + X, spike if
u ≥ 2·V_th`` (u = 2H). The second form needs a shift only, so it is used everywhere, in float and on the integer grid.
"""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

Reset = Literal["hard", "soft"]
Compare = Literal["ge", "gt"]
Surrogate = Literal["atan", "sigmoid", "triangle", "flat-triangle"]


def surrogate_slope(z: Tensor, kind: Surrogate) -> Tensor:
    """Derivative used for the spike step at the relative distance ``z = u/θ − 1``."""
    if kind == "atan":
        return (z * math.pi).square_().add_(1.0).reciprocal_()
    if kind == "sigmoid":
        s = torch.sigmoid(4.0 * z)
        return 4.0 * s * (1.0 - s)
    if kind == "triangle":
        return (1.0 - z.abs()).clamp_(min=0.0)
    if kind == "flat-triangle":  # paper 4's: gradients through many layers and steps stay small
        return 0.3 * (1.0 - z.abs()).clamp_(min=0.0)
    raise ValueError(f"surrogate must be 'atan', 'sigmoid', 'triangle' or 'flat-triangle', not {kind!r}")


def _leaked(carried: Tensor, leak: Tensor | float, compare: Compare, whole: bool) -> Tensor:
    """``leak·carried``; on the integer grid rounded down, or up where the comparison is strict."""
    product = carried * leak
    if not whole:
        return product
    return product.floor() if compare == "ge" else product.ceil()


class _Fire(torch.autograd.Function):
    """One autograd node for all T steps: far fewer and smaller saved tensors than a loop of small ops."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        threshold: Tensor,
        leak: Tensor | float,
        reset: Reset,
        compare: Compare,
        surrogate: Surrogate,
        whole: bool,
    ) -> Tensor:
        membranes = torch.empty_like(x)
        spikes = torch.empty_like(x)
        carried: Tensor | None = None
        plain = isinstance(leak, float) and not whole
        for t in range(x.shape[0]):
            u = membranes[t]
            if carried is None:
                u.copy_(x[t])
            elif plain:
                torch.add(x[t], carried, alpha=cast(float, leak), out=u)
            else:
                torch.add(x[t], _leaked(carried, leak, compare, whole), out=u)
            s = spikes[t]
            (torch.ge if compare == "ge" else torch.gt)(u, threshold, out=s)
            carried = torch.addcmul(u, u if reset == "hard" else threshold, s, value=-1.0)
        leak_tensor = leak if isinstance(leak, Tensor) else None
        ctx.save_for_backward(membranes, spikes, threshold, leak_tensor)
        ctx.options = (None if leak_tensor is not None else leak, reset, surrogate)
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        membranes, spikes, threshold, leak_tensor = ctx.saved_tensors
        leak, reset, surrogate = ctx.options
        leak = leak_tensor if leak_tensor is not None else leak
        learns = ctx.needs_input_grad[1], ctx.needs_input_grad[2]
        result = torch.empty_like(membranes)
        to_threshold, to_leak = (
            torch.zeros_like(threshold),
            None if leak_tensor is None else torch.zeros_like(leak_tensor),
        )
        carried: Tensor | None = None
        for t in range(membranes.shape[0] - 1, -1, -1):
            u, s = membranes[t], spikes[t]
            direct = surrogate_slope((u / threshold).sub_(1.0), surrogate).mul_(grads[0][t]).div_(threshold)
            g = direct
            if carried is not None:
                # The reset is detached, as in Spikformer's training: no gradient through the decision to reset.
                g = direct + (torch.addcmul(carried, carried, s, value=-1.0) if reset == "hard" else carried)
            if learns[0]:
                share = direct * u / threshold
                if carried is not None and reset == "soft":
                    share = share + carried * s
                to_threshold -= share.sum_to_size(threshold.shape)
            if learns[1] and to_leak is not None and t:
                before = membranes[t - 1]
                kept = torch.addcmul(before, before if reset == "hard" else threshold, spikes[t - 1], value=-1.0)
                to_leak += (g * kept).sum_to_size(to_leak.shape)
            result[t] = g
            carried = g * leak
        return result, to_threshold if learns[0] else None, to_leak if learns[1] else None, None, None, None, None


class _LearnableClamp(torch.autograd.Function):
    """``clamp(x, low, high)`` whose gradient also reaches what stepped outside, as far as it leads back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bounds = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (x,), (low, high) = ctx.saved_tensors, ctx.bounds
        leads_out = ((x < low) & (grads[0] > 0)) | ((x > high) & (grads[0] < 0))
        return grads[0].masked_fill(leads_out, 0.0), None, None


def learnable_clamp(x: Tensor, low: float, high: float = math.inf) -> Tensor:
    """``x`` between its bounds; a parameter that stepped over one goes on learning, where a clamp would freeze it."""
    out: Tensor = _LearnableClamp.apply(x, low, high)  # type: ignore[no-untyped-call]
    return out


def fire(
    x: Tensor,
    threshold: Tensor | float,
    *,
    leak: Tensor | float = 0.5,
    reset: Reset = "hard",
    compare: Compare = "ge",
    surrogate: Surrogate = "atan",
    whole: bool = False,
) -> Tensor:
    """Spikes 0/1 ``[T, ...]`` of inputs ``x [T, ...]``: ``u = leak·u + x[t]``, u = 0 before the first step.

    threshold: in the units of x; it and a tensor leak broadcast against ``x[0]``, and gradients reach x and both of
    them. whole: x and threshold are whole numbers, and the leak's product is rounded down (up, where the comparison is
    strict), as the integer neuron does. With leak 1/2 that changes no spike: float64 on a dyadic grid gives the spikes
    of exact rational arithmetic.
    """
    level = torch.as_tensor(threshold, dtype=x.dtype, device=x.device)
    if isinstance(leak, Tensor):
        leak = leak.to(x.dtype)
    out: Tensor = _Fire.apply(x, level, leak, reset, compare, surrogate, whole)  # type: ignore[no-untyped-call]
    return out


class Rectifier(nn.Module):
    """ReLU in a neuron's place: a network before it spikes (paper 4's ANN)."""

    def forward(self, x: Tensor) -> Tensor:
        """``x [T, ...]``, negative values 0."""
        return x.clamp(min=0.0)


#: Trained thresholds stay above this, far below any that trains well: at 0 a neuron would fire for ever.
LEAST_LEVEL = 0.05


class LIF(nn.Module):
    """LIF node: ``x [T, ...] → spikes [T, ...]``. It has no parameters and no buffers, so it adds no state_dict keys.

    tau: in steps (leak 1 − 1/τ); v_threshold: V_th of the textbook form, so u is compared with τ·V_th; scale: a factor
    on the input that is folded into the threshold (0.125 in Spikformer's attention); whole: the input is an integer
    (attention products), so the leak's product is rounded down, as the integer neuron does. ValueError for values that
    make no neuron.
    """

    def __init__(
        self,
        *,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        scale: float = 1.0,
        reset: Reset = "hard",
        compare: Compare = "ge",
        surrogate: Surrogate = "atan",
        whole: bool = False,
    ) -> None:
        super().__init__()
        if not tau >= 1.0:
            raise ValueError(f"tau must be at least 1 step, not {tau!r}")
        if reset not in ("hard", "soft"):
            raise ValueError(f"reset must be 'hard' or 'soft', not {reset!r}")
        if compare not in ("ge", "gt"):
            raise ValueError(f"compare must be 'ge' or 'gt', not {compare!r}")
        if not (v_threshold > 0 and scale > 0):
            raise ValueError(f"v_threshold and scale must be positive, not {v_threshold!r} and {scale!r}")
        self.leak = 1.0 - 1.0 / tau
        self.level = tau * v_threshold / scale
        self.reset: Reset = reset
        self.compare: Compare = compare
        self.surrogate: Surrogate = surrogate
        self.whole = whole

    def forward(self, x: Tensor, threshold: Tensor | None = None) -> Tensor:
        """Spikes of ``x [T, ...]``.

        threshold: replaces the node's own level (integer grid).
        """
        level = self.level if threshold is None else threshold
        # with leak 1/2 rounding changes no spike, and the plain path is faster
        whole = (self.whole or threshold is not None) and self.leak not in (0.0, 0.5, 1.0)
        return fire(
            x, level, leak=self.leak, reset=self.reset, compare=self.compare, surrogate=self.surrogate, whole=whole
        )

    def levels(self) -> Tensor | float:
        """What u is compared with: one number, or one a channel."""
        return self.level

    def sixteenths(self) -> Tensor:
        """The leak m/16 as whole numbers m, float64 ``[1]`` or one a channel; ValueError if it is on no such grid."""
        m = torch.as_tensor(self.leak, dtype=torch.float64).reshape(-1) * 16
        if not torch.equal(m, m.round()):
            raise ValueError(f"leak must be a multiple of 1/16 on hardware, not {self.leak!r}")
        return m

    def extra_repr(self) -> str:
        return (
            f"leak={self.leak}, level={self.level}, reset={self.reset!r}, compare={self.compare!r}, "
            f"surrogate={self.surrogate!r}, whole={self.whole}"
        )


class PlasticLIF(LIF):
    """A LIF node whose threshold and leak are trained with the weights.

    With one of each per channel this is our reading of paper 3's sLIF; with one per layer, soft reset and ``>`` it is
    the neuron of paper 4. The leak is trained on the hardware's grid of sixteenths, straight-through. A threshold in
    front of which a BatchNorm stands only rescales γ and β; behind attention, where none stands, it does more.

    channels: how many of each, C or 1; tail: axes behind the channel axis of what it reads, 0 for ``[T, B, N, C]``, 2
    for ``[T, B, C, H, W]``; whole: the input is an integer (attention products), so the threshold is rounded and the
    leak's product rounded down, as the integer neuron does.
    """

    level: nn.Parameter  # type: ignore[assignment]
    leak: nn.Parameter  # type: ignore[assignment]

    def __init__(
        self,
        like: LIF,
        channels: int,
        *,
        tail: int = 0,
        learn_level: bool = True,
        learn_leak: bool = True,
        whole: bool = False,
    ) -> None:
        nn.Module.__init__(self)
        self.reset, self.compare, self.surrogate = like.reset, like.compare, like.surrogate
        self.level = nn.Parameter(torch.full((channels,), float(like.level)), requires_grad=learn_level)
        self.leak = nn.Parameter(torch.full((channels,), float(like.leak)), requires_grad=learn_leak)
        self.tail, self.whole = tail, whole

    def levels(self) -> Tensor:
        level = learnable_clamp(self.level, LEAST_LEVEL)
        return level + (level.round().clamp(min=1.0) - level).detach() if self.whole else level

    def _grid_leak(self) -> Tensor:
        m = learnable_clamp(self.leak, 0.0, 1.0) * 16
        return (m + (m.round() - m).detach()) / 16

    def sixteenths(self) -> Tensor:
        return (self._grid_leak().detach().double() * 16).round()

    def forward(self, x: Tensor, threshold: Tensor | None = None) -> Tensor:
        shape = (-1, *([1] * self.tail))
        level = self.levels().reshape(shape) if threshold is None else threshold
        return fire(
            x,
            level,
            leak=self._grid_leak().reshape(shape),
            reset=self.reset,
            compare=self.compare,
            surrogate=self.surrogate,
            whole=self.whole or threshold is not None,
        )

    def extra_repr(self) -> str:
        return (
            f"channels={self.level.numel()}, reset={self.reset!r}, compare={self.compare!r}, "
            f"surrogate={self.surrogate!r}, tail={self.tail}, whole={self.whole}"
        )
