"""The leaky integrate-and-fire neuron over T steps, with a surrogate gradient.

With τ = 2 the textbook form ``H = V + (X − V)/2, spike if H ≥ V_th`` is the same as ``u = u/2 + X, spike if
u ≥ 2·V_th`` (u = 2H). The second form needs a shift only, so it is used everywhere, in float and on the integer grid.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

Reset = Literal["hard", "soft"]
Compare = Literal["ge", "gt"]
Surrogate = Literal["atan", "sigmoid", "triangle"]


def surrogate_slope(z: Tensor, kind: Surrogate) -> Tensor:
    """Derivative used for the spike step at the relative distance ``z = u/θ − 1``; 1 at the threshold."""
    if kind == "atan":
        return 1.0 / (1.0 + (math.pi * z).square())
    if kind == "sigmoid":
        s = torch.sigmoid(4.0 * z)
        return 4.0 * s * (1.0 - s)
    if kind == "triangle":
        return (1.0 - z.abs()).clamp_(min=0.0)
    raise ValueError(f"surrogate must be 'atan', 'sigmoid' or 'triangle', not {kind!r}")


class _Fire(torch.autograd.Function):
    """One autograd node for all T steps: far fewer and smaller saved tensors than a loop of small ops."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, threshold: Tensor, leak: float, reset: Reset, compare: Compare, surrogate: Surrogate
    ) -> Tensor:
        membranes = torch.empty_like(x)
        spikes = torch.empty_like(x)
        carried: Tensor | None = None
        for t in range(x.shape[0]):
            u = membranes[t]
            u.copy_(x[t]) if carried is None else torch.add(x[t], carried, alpha=leak, out=u)
            s = spikes[t]
            (torch.ge if compare == "ge" else torch.gt)(u, threshold, out=s)
            carried = torch.addcmul(u, u if reset == "hard" else threshold, s, value=-1.0)
        ctx.save_for_backward(membranes, spikes, threshold)
        ctx.options = (leak, reset, surrogate)
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        membranes, spikes, threshold = ctx.saved_tensors
        leak, reset, surrogate = ctx.options
        result = torch.empty_like(membranes)
        carried: Tensor | None = None
        for t in range(membranes.shape[0] - 1, -1, -1):
            u = membranes[t]
            g = grads[0][t] * surrogate_slope(u / threshold - 1.0, surrogate) / threshold
            if carried is not None:
                # The reset is detached, as in Spikformer's training: no gradient through the decision to reset.
                g += torch.addcmul(carried, carried, spikes[t], value=-1.0) if reset == "hard" else carried
            result[t] = g
            carried = g * leak
        return result, None, None, None, None, None


def fire(
    x: Tensor,
    threshold: Tensor | float,
    *,
    leak: float = 0.5,
    reset: Reset = "hard",
    compare: Compare = "ge",
    surrogate: Surrogate = "atan",
) -> Tensor:
    """Spikes 0/1 ``[T, ...]`` of inputs ``x [T, ...]``: ``u = leak·u + x[t]``, u = 0 before the first step.

    ``threshold`` is in the units of x and broadcasts against ``x[0]``; gradients reach x only. With x and the
    threshold on a dyadic grid and a dyadic leak, float64 gives the spikes of exact rational arithmetic.
    """
    level = torch.as_tensor(threshold, dtype=x.dtype, device=x.device)
    out: Tensor = _Fire.apply(x, level, leak, reset, compare, surrogate)  # type: ignore[no-untyped-call]
    return out


class LIF(nn.Module):
    """LIF node: ``x [T, ...] → spikes [T, ...]``. It has no parameters and no buffers, so it adds no state_dict keys.

    ``tau`` is in steps (leak 1 − 1/τ); ``v_threshold`` is V_th of the textbook form, so u is compared with τ·V_th.
    ``scale`` is a factor on the input that is folded into the threshold (0.125 in Spikformer's attention).
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

    def forward(self, x: Tensor, threshold: Tensor | None = None) -> Tensor:
        """Spikes of ``x [T, ...]``; ``threshold`` replaces the node's own level (integer grid)."""
        level = self.level if threshold is None else threshold
        return fire(x, level, leak=self.leak, reset=self.reset, compare=self.compare, surrogate=self.surrogate)

    def extra_repr(self) -> str:
        return f"leak={self.leak}, level={self.level}, reset={self.reset!r}, compare={self.compare!r}"
