"""The learned spiking token selector (paper 1, SparseSpikformer's STS).

``X' = mean over T of the stream``, ``S = softmax(MLP(X'))`` with two outputs (keep, drop); in training a hard
Gumbel-softmax gives keep masks that multiply from selector to selector; at inference the ``keep`` best tokens by
``z_keep − z_drop`` stay. ReLU with a clip stands for the paper's GELU: the integer selector
computes that.
"""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.compress.methods.fold import round_through
from spikewright.compress.methods.quantise import QuantFormat, Quantised, best_step, integer_values
from spikewright.models.layers import Dense

#: Greatest hidden value of the integer selector (8 bits).
HIDDEN_TOP = 255


def keep_counts(tokens: int, ratio: float, selectors: int) -> list[int]:
    """Tokens kept by the k-th selector: int(N0·ρ^k), at least 1."""
    return [max(1, int(tokens * ratio**k)) for k in range(1, selectors + 1)]


def filled(count: int, slots: int) -> int:
    """The nearest number of tokens that fills words of ``slots`` token slots, at least one word; ties go down.

    A word with empty slots takes as many cycles as a full one (*ours*, for the engine).
    """
    return slots * max(1, math.ceil(count / slots - 0.5))


def top_tokens(z: Tensor, keep: int) -> Tensor:
    """Indices ``[B, keep]``, ascending, of the greatest ``z [B, N]``; ties go to the lower index."""
    order = torch.sort(z, dim=1, descending=True, stable=True).indices
    return order[:, :keep].sort(dim=1).values


def gather_tokens(x: Tensor, indices: Tensor) -> Tensor:
    """``x [T, B, N, D]`` with the tokens ``indices [B, keep]`` left: the same set at every step."""
    wide = indices[None, :, :, None].expand(x.shape[0], -1, -1, x.shape[-1])
    return x.gather(2, wide)


class TokenSelector(nn.Module):
    """Linear(D, H) → clipped ReLU → Linear(H, 2) on the mean firing rate; H is D/2, as in paper 1, or ``hidden``.

    ``mode`` 'soft' samples masks while training; 'hard' gathers the top tokens, as inference always does.
    """

    def __init__(
        self, dim: int, keep: int, hidden: int | None = None, *, ceiling: float = 4.0, temperature: float = 1.0
    ) -> None:
        super().__init__()
        hidden = hidden or dim // 2
        self.keep = keep
        self.ceiling = ceiling
        self.temperature = temperature
        self.mode: Literal["soft", "hard"] = "soft"
        self.hidden = Dense(dim, hidden)
        self.score = Dense(hidden, 2)
        self.reset()

    def reset(self) -> None:
        """Draw the weights anew."""
        for layer in (self.hidden, self.score):
            # Large enough that the first masks depend on the token at all.
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def extra_repr(self) -> str:
        return f"keep={self.keep}, ceiling={self.ceiling}, temperature={self.temperature}"

    def scores(self, x: Tensor) -> Tensor:
        """``z_keep, z_drop`` as ``[B, N, 2]`` of the stream ``[T, B, N, D]``."""
        hidden = self.hidden(x.mean(0)).clamp(0.0, self.ceiling)
        return cast(Tensor, self.score(hidden))

    def hidden_values(self, x: Tensor) -> Tensor:
        """The hidden layer in the steps of the integer selector, 0…255 ``[B, N, Hd]``, rounded."""
        hidden: Tensor = self.hidden(x.mean(0)).clamp(0.0, self.ceiling)
        return (hidden * (HIDDEN_TOP / self.ceiling)).round()

    def select(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """Stream, cumulative mask for the blocks behind (soft) or None (hard), and the choice (mask or indices)."""
        scores = self.scores(x)
        if self.training and self.mode == "soft":
            mask = F.gumbel_softmax(scores, tau=self.temperature, hard=True)[..., 0]
            mask = mask if keep is None else mask * keep
            return x, mask, mask
        indices = top_tokens(scores[..., 0] - scores[..., 1], self.keep)
        return gather_tokens(x, indices), None, indices


class _QuantRow(Quantised):
    """Weights ``[out, in]`` and bias ``[out]`` with one step for the layer; only the selector's grid reads them."""

    def __init__(self, weight: Tensor, bias: Tensor, fmt: QuantFormat) -> None:
        super().__init__()
        self.weight, self.bias, self.fmt = nn.Parameter(weight.clone()), nn.Parameter(bias.clone()), fmt
        self.step = nn.Parameter(best_step(weight, fmt, per_channel=False), requires_grad=False)

    @property
    def lsb(self) -> Tensor:
        """Real value of one weight LSB, float64 ``[1]``."""
        return self.step.detach().double().reshape(1)


class QuantSelector(TokenSelector):
    """The integer selector of docs/package.md, with straight-through gradients; z is exact in float64."""

    shift: Tensor

    def __init__(self, source: TokenSelector, steps: int, hidden: QuantFormat, score: QuantFormat) -> None:
        width, inputs = source.hidden.weight.shape
        super().__init__(inputs, source.keep, width, ceiling=source.ceiling, temperature=source.temperature)
        self.mode, self.steps = source.mode, steps
        with torch.no_grad():
            self.register_module("hidden", _QuantRow(source.hidden.weight, source.hidden.bias, hidden))
            # Only the difference of the two outputs ranks tokens, and softmax needs no more: one row.
            weight, bias = source.score.weight, source.score.bias
            self.register_module("score", _QuantRow(weight[:1] - weight[1:], bias[:1] - bias[1:], score))
        span = source.ceiling / (HIDDEN_TOP * float(self._rows()[0].lsb) * 2.0**-hidden.fraction_bits / steps)
        self.register_buffer("shift", torch.tensor(max(0, math.ceil(math.log2(span)))))

    def _rows(self) -> tuple[_QuantRow, _QuantRow]:
        return cast(_QuantRow, self.hidden), cast(_QuantRow, self.score)

    def hidden_bias(self) -> Tensor:
        """Whole float64 ``[Hd]`` on the grid step·2^−f; the sum over T adds it T times."""
        row = self._rows()[0]
        return round_through(cast(Tensor, row.bias).double() / (row.lsb * 2.0**-row.fmt.fraction_bits))

    def score_lsb(self) -> Tensor:
        """Real value of one unit of the integer z, float64 ``[1]``."""
        hidden, score = self._rows()
        fraction = 2.0 ** -(hidden.fmt.fraction_bits + score.fmt.fraction_bits)
        return cast(Tensor, hidden.lsb * score.lsb * 2.0 ** float(self.shift) * fraction / self.steps)

    def score_bias(self) -> Tensor:
        """Whole float64 ``[1]`` on the grid of z."""
        return round_through(cast(Tensor, self._rows()[1].bias).double() / self.score_lsb())

    def hidden_values(self, x: Tensor) -> Tensor:
        """Whole 0…255 ``[B, N, Hd]`` of the stream ``[T, B, N, D]``."""
        hidden, _ = self._rows()
        values = integer_values(hidden.weight, hidden.step, hidden.fmt).to(x.dtype)
        a = F.linear(x.sum(0), values) * 2.0**hidden.fmt.fraction_bits
        a = (a + self.steps * self.hidden_bias().to(x.dtype)) * 2.0 ** -float(self.shift)
        return cast(Tensor, (a + (a.floor() - a).detach()).clamp(0.0, HIDDEN_TOP))

    def integer_scores(self, x: Tensor) -> Tensor:
        """z ``[B, N]`` in whole units, of the stream ``[T, B, N, D]``."""
        _, score = self._rows()
        row = integer_values(score.weight, score.step, score.fmt).to(x.dtype)
        z = F.linear(self.hidden_values(x), row) * 2.0**score.fmt.fraction_bits + self.score_bias().to(x.dtype)
        return z[..., 0]

    def scores(self, x: Tensor) -> Tensor:
        z = self.integer_scores(x) * self.score_lsb().to(x.dtype)
        return torch.stack([z, torch.zeros_like(z)], dim=-1)


def selectors(network: nn.Module) -> list[TokenSelector]:
    """The network's token selectors in the order of the tokens' way."""
    return [module for module in network.modules() if isinstance(module, TokenSelector)]


def set_mode(network: nn.Module, hard: bool) -> None:
    """Let the selectors gather (hard) or sample masks while training (soft)."""
    for selector in selectors(network):
        selector.mode = "hard" if hard else "soft"


def ratio_loss(masks: list[Tensor], fractions: list[float]) -> Tensor:
    """``mean_k (mean(keep_k) − ρ^k)²`` over cumulative masks ``[B, N]``."""
    terms = [(mask.mean() - fraction) ** 2 for mask, fraction in zip(masks, fractions, strict=True)]
    return torch.stack(terms).mean()


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """``KL(student ‖ teacher)`` of the class distributions, mean over the batch."""
    s, t = F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1)
    return (s.exp() * (s - t)).sum(1).mean()
