"""BatchNorm, bias and threshold onto the integer membrane grid: one function for training and for export.

A channel computes ``X = g·(s·a + b − mean) + beta`` with ``g = gamma/√(var + eps)`` and fires at ``u ≥ level``
(u = u/2 + X). Divided by ``|g|·s·2^−f`` (f fraction bits below one weight LSB) this is ``a·2^f + bias ≥ threshold``
with whole bias and threshold; a negative g flips the sign of the codes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

#: A channel whose threshold would exceed this many weight LSBs barely heeds its weights: it becomes constant.
VANISHING = 2.0**16
#: Threshold of a constant channel in weight LSBs: fine enough for its pattern, small enough for narrow membranes.
CONSTANT_LEVEL = 64.0
#: Bound of |bias| on the grid, far inside int32.
BIAS_LIMIT = 2.0**26


class Folded(NamedTuple):
    """Whole float64 numbers per channel ``[out]``: ``sign`` −1, 0 (constant) or 1; ``threshold`` ≥ 1; ``bias``."""

    sign: Tensor
    threshold: Tensor
    bias: Tensor


def round_through(x: Tensor) -> Tensor:
    """Round to the nearest whole number, ties to even; the gradient passes straight through."""
    return x + (x.round() - x).detach()


def fold_norm(
    norm: nn.BatchNorm1d | nn.BatchNorm2d | None,
    bias: Tensor | None,
    step: Tensor,
    filled: Tensor,
    *,
    level: Tensor | float,
    fraction_bits: int,
) -> Folded:
    """Fold a frozen norm (its running statistics), or none. Gradients reach beta and the bias only.

    step: one or ``[out]`` values, the real weight LSB; filled: ``[out]``, does the row hold a non-zero code; level: the
    real threshold of u, one or ``[out]`` values; fraction_bits: of the membrane, below one weight LSB. Computed in
    float64 whatever the model's type, so that float32 training, float64 evaluation and export agree on every bit.
    """
    if norm is None:
        gain = torch.ones_like(filled, dtype=torch.float64)
        constant_input = torch.zeros_like(gain) if bias is None else bias.double()
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gamma, mean, var = norm.weight.detach().double(), norm.running_mean.double(), norm.running_var.double()
        gain = gamma / torch.sqrt(var + norm.eps)
        offset = -mean if bias is None else bias.double() - mean
        constant_input = gain * offset + norm.bias.double()
    level = torch.as_tensor(level, dtype=torch.float64).detach()
    lsb = gain.abs() * step.detach().double().reshape(-1)
    live = filled & (lsb * VANISHING > level)
    # A dead row has no LSB of its own: give it one that puts the threshold at CONSTANT_LEVEL.
    grid = torch.where(live, lsb, torch.ones_like(lsb) * level / CONSTANT_LEVEL) * 2.0**-fraction_bits
    threshold = (level / grid).round().clamp(min=1.0)
    whole_bias = round_through(constant_input / grid).clamp(-BIAS_LIMIT, BIAS_LIMIT)
    return Folded(torch.where(live, gain.sign(), torch.zeros_like(gain)), threshold, whole_bias)
