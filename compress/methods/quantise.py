"""Per-layer uniform and power-of-two (PoT) quantisers with learned steps (paper 2; LSQ), and layers that use them.

A weight is ``step · value(code)``, |code| ≤ 2^(bits−1) − 1. Uniform: value = code. PoT: value(0) = 0, else
sign · 2^(|code|−1). Codes are always computed in float64, so training and export see the same code for a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.compress.methods.fold import Folded, fold_norm, round_through
from spikewright.cost.work import Scheme
from spikewright.models.layers import Conv3, Dense, Pointwise, Shortcut
from spikewright.models.neurons import LIF
from spikewright.models.package_schema import SCHEME_BITS
from spikewright.models.spikformer import Head


@dataclass(frozen=True)
class QuantFormat:
    """Scheme, bits and membrane fraction bits of one layer; the same bounds as the package's."""

    scheme: Scheme
    bits: int
    fraction_bits: int = 5

    def __post_init__(self) -> None:
        allowed = SCHEME_BITS[self.scheme]
        if self.bits not in allowed:
            raise ValueError(f"bits of a {self.scheme} layer must be one of {list(allowed)}, not {self.bits!r}")

    @property
    def limit(self) -> int:
        """The greatest |code|."""
        return int(2 ** (self.bits - 1) - 1)

    @property
    def top(self) -> int:
        """The greatest |value|."""
        return self.limit if self.scheme == "uniform" else int(2 ** (self.limit - 1))

    def values(self, codes: Tensor) -> Tensor:
        """Value of each code, in weight LSBs."""
        if self.scheme == "uniform":
            return codes
        return codes.sign() * torch.exp2(codes.abs() - 1.0)  # the sign makes the value of code 0 zero

    def codes(self, ratio: Tensor) -> Tensor:
        """Code of the nearest value to ``ratio = w/step`` (float64 in, whole float64 out)."""
        if self.scheme == "uniform":
            return ratio.round().clamp(-self.limit, self.limit)
        middles = [0.5] + [1.5 * 2.0**e for e in range(self.limit - 1)]
        boundaries = torch.tensor(middles, dtype=ratio.dtype, device=ratio.device)
        return torch.bucketize(ratio.abs().contiguous(), boundaries, right=True).to(ratio.dtype) * ratio.sign()


#: Widths of each scheme. 2-bit PoT is 2-bit uniform; wider PoT spans absurd ranges.
WIDTHS: dict[Scheme, tuple[int, ...]] = {"uniform": (2, 3, 4, 5, 6, 8), "pot": (3, 4)}


def candidates(schemes: Sequence[Scheme] = ("uniform", "pot"), bits: Sequence[int] | None = None) -> list[QuantFormat]:
    """All formats of the schemes, or those of the given widths."""
    return [QuantFormat(s, b) for s in schemes for b in WIDTHS[s] if bits is None or b in bits]


#: Of a shortcut's matrix: its LSBs are the convolution's, whose weights may be far smaller.
SHORTCUT_FORMAT = QuantFormat("uniform", 8)


class _LearnedStep(torch.autograd.Function):
    """``step · value(code(w/step))``: straight-through to w inside the range, LSQ's gradient to the step."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, step: Tensor, fmt: QuantFormat) -> Tensor:
        ratio = weight.double() / step.double()
        values = fmt.values(fmt.codes(ratio))
        ctx.save_for_backward(ratio.to(weight.dtype), values.to(weight.dtype))
        ctx.top, ctx.shape = fmt.top, step.shape
        return (values * step.double()).to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        ratio, values = ctx.saved_tensors
        inside = (ratio.abs() <= ctx.top).to(ratio.dtype)
        per_weight = grads[0] * (values - ratio * inside)
        share = ratio.numel() / max(1, int(torch.Size(ctx.shape).numel()))
        step = per_weight.sum_to_size(ctx.shape) / (share * ctx.top) ** 0.5
        return grads[0] * inside, step, None


class _Values(torch.autograd.Function):
    """``value(code(w/step))`` in LSBs, straight-through to w (d value / d w = 1/step) inside the range."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, step: Tensor, fmt: QuantFormat) -> Tensor:
        ratio = weight.double() / step.double()
        ctx.save_for_backward((ratio.abs() <= fmt.top).to(weight.dtype) / step)
        return fmt.values(fmt.codes(ratio)).to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] * ctx.saved_tensors[0], None, None


def fake_quantise(weight: Tensor, step: Tensor, fmt: QuantFormat) -> Tensor:
    """Quantised weight in real units, with gradients to weight and step."""
    return cast(Tensor, _LearnedStep.apply(weight, step, fmt))  # type: ignore[no-untyped-call]


def integer_values(weight: Tensor, step: Tensor, fmt: QuantFormat) -> Tensor:
    """Quantised weight as whole LSBs, with a gradient to the weight."""
    return cast(Tensor, _Values.apply(weight, step, fmt))  # type: ignore[no-untyped-call]


def best_step(weight: Tensor, fmt: QuantFormat, *, per_channel: bool) -> Tensor:
    """The step of least squared error over the non-zero weights, searched on a geometric grid.

    ``weight [out, ...]`` → ``[out, 1, ...]`` or all-ones shape. A row without weights has the median of the others, so
    that pruned rows do not decide how fast the others' steps learn; 1 where no row has any.
    """
    flat = weight.detach().double().flatten(1) if per_channel else weight.detach().double().reshape(1, -1)
    peak = flat.abs().amax(1, keepdim=True)
    best_error = torch.full_like(peak, float("inf"))
    best = torch.ones_like(peak)
    for fraction in torch.logspace(-0.7, 0.1, 40, dtype=torch.float64):
        step = (peak * fraction / fmt.top).clamp(min=1e-12)
        error = (fmt.values(fmt.codes(flat / step)) * step - flat).square().sum(1, keepdim=True)
        better = (error < best_error) & (peak > 0)
        best_error, best = torch.where(better, error, best_error), torch.where(better, step, best)
    if bool((peak > 0).any()):
        best = torch.where(peak > 0, best, best[peak > 0].median())
    shape = (weight.shape[0] if per_channel else 1, *([1] * (weight.dim() - 1)))
    return best.reshape(shape).to(weight.dtype)


class Quantised(nn.Module):
    """What quantised layers share: a format, a step, and the switch to the exact membrane grid."""

    weight: Tensor
    bias: Any  # Linear and Conv1d disagree on its type
    step: nn.Parameter
    fmt: QuantFormat
    input_scale: float = 1.0  #: what one unit of the input is worth
    joined: bool = False  #: a shortcut meets the sums, so that a row without weights is not constant

    def adopt(self, layer: nn.Module, fmt: QuantFormat, *, per_channel: bool) -> None:
        """Take over the parameters of ``layer`` and choose a first step."""
        self.weight, self.bias = cast(nn.Parameter, layer.weight), layer.bias
        self.fmt = fmt
        self.input_scale = cast(float, getattr(layer, "input_scale", 1.0))
        self.exact = False
        self.step = nn.Parameter(best_step(self.weight, fmt, per_channel=per_channel))

    def integer_codes(self) -> Tensor:
        """Codes of the weights, whole float64 numbers, before any sign flip."""
        return self.fmt.codes(self.weight.detach().double() / self.step.detach().double())

    def fold(self, norm: nn.BatchNorm1d | nn.BatchNorm2d | None, neuron: LIF) -> Folded:
        """Norm, bias and threshold of this layer on the membrane grid: the one function training and export use."""
        filled = (self.integer_codes().flatten(1) != 0).any(1) | self.joined
        lsb, level = self.step * self.input_scale, neuron.levels()
        return fold_norm(norm, self.bias, lsb, filled, level=level, fraction_bits=self.fmt.fraction_bits)

    def grid_sums(
        self, x: Tensor, multiply: Callable[[Tensor, Tensor], Tensor], norm: nn.Module | None, neuron: LIF, tail: int
    ) -> tuple[Tensor, Tensor]:
        """Membrane input ``X = a·2^f + bias`` and threshold, per channel, ``tail`` axes behind the channel axis."""
        folded = self.fold(cast(nn.BatchNorm1d, norm), neuron)
        gain = folded.sign.to(x.dtype).reshape(-1, *([1] * (self.weight.dim() - 1)))
        sums = multiply(x, integer_values(self.weight, self.step, self.fmt).to(x.dtype) * gain)
        shape = (-1, *([1] * tail))
        bias, threshold = folded.bias.to(x.dtype).reshape(shape), folded.threshold.to(x.dtype).reshape(shape)
        return sums * 2.0**self.fmt.fraction_bits + bias, threshold


class QuantDense(Quantised, Dense):
    """``Dense`` with quantised weights."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, fake_quantise(self.weight, self.step, self.fmt), self.bias)

    def drive(self, x: Tensor, norm: nn.BatchNorm1d | None, neuron: LIF) -> Tensor:
        if not self.exact:
            return super().drive(x, norm, neuron)
        sums, threshold = self.grid_sums(x, F.linear, norm, neuron, 0)
        return cast(Tensor, neuron(sums, threshold))


class QuantPointwise(Quantised, Pointwise):
    """``Pointwise`` with quantised weights."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, fake_quantise(self.weight, self.step, self.fmt)[:, :, 0], self.bias)

    def drive(self, x: Tensor, norm: nn.BatchNorm1d | None, neuron: LIF) -> Tensor:
        if not self.exact:
            return super().drive(x, norm, neuron)
        sums, threshold = self.grid_sums(x, lambda a, w: F.linear(a, w[:, :, 0]), norm, neuron, 0)
        return cast(Tensor, neuron(sums, threshold))


class QuantConv3(Quantised, Conv3):
    """``Conv3`` with quantised weights."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x * self.input_scale, fake_quantise(self.weight, self.step, self.fmt), self.bias, padding=1)

    def drive(
        self,
        x: Tensor,
        norm: nn.BatchNorm2d | None,
        neuron: LIF,
        *,
        steps: int,
        shortcut: tuple[Shortcut, Tensor] | None = None,
    ) -> Tensor:
        if not self.exact:
            return super().drive(x, norm, neuron, steps=steps, shortcut=shortcut)
        if norm is not None and shortcut is not None:
            raise ValueError(
                "a shortcut cannot meet the sums behind a batch norm on the integer grid: leave the norm out"
            )

        def multiply(a: Tensor, w: Tensor) -> Tensor:
            sums = F.conv2d(a, w, None, padding=1)
            if shortcut is None:
                return sums
            return sums + cast(QuantShortcut, shortcut[0]).whole(shortcut[1].flatten(0, 1))

        sums, threshold = self.grid_sums(x.flatten(0, 1), multiply, norm, neuron, 2)
        sums = sums.reshape(*x.shape[:2], *sums.shape[1:])
        return cast(Tensor, neuron(sums.expand(steps, *sums.shape[1:]), threshold))


class QuantShortcut(Shortcut):
    """``Shortcut`` in the weight LSBs of the convolution that it meets."""

    def __init__(self, source: Shortcut, meets: Quantised) -> None:
        super().__init__(0, 0)
        self.outputs, self.scale, self.weight = source.outputs, source.scale, source.weight
        self._meets = (meets,)  # not a submodule of this one
        self.fmt = SHORTCUT_FORMAT
        meets.joined = True
        # a channel whose own weights are all gone takes its LSB from what joins it
        gone = ~(meets.weight.detach() != 0).flatten(1).any(1)
        with torch.no_grad():
            meets.step[gone] = self._own_step()[gone].to(meets.step.dtype)

    def _own_step(self) -> Tensor:
        """The LSB that suits the branch by itself, ``[out, 1, 1, 1]``; the identity is 64 of them."""
        if self.weight is not None:
            return best_step(self.weight, self.fmt, per_channel=True)
        return torch.full((self.outputs, 1, 1, 1), self.scale / 64)

    @property
    def step(self) -> Tensor:
        """The real value of one LSB, ``[out, 1, 1, 1]``."""
        return self._meets[0].step.detach()

    def whole_gain(self) -> Tensor:
        """The identity in LSBs, whole float64 numbers ``[out]``."""
        return (self.scale / self.step.double().reshape(-1)).round()

    def integer_codes(self) -> Tensor:
        """Codes of the matrix, whole float64 numbers."""
        assert self.weight is not None
        return self.fmt.codes(self.weight.detach().double() / self.step.double())

    def whole(self, x: Tensor) -> Tensor:
        """What joins the integer sums."""
        if self.weight is None:
            return x * self.whole_gain().to(x.dtype)[:, None, None]
        return F.conv2d(x, integer_values(self.weight, self.step, self.fmt).to(x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight is None:
            return x * (self.whole_gain().to(x.dtype) * self.step.reshape(-1))[:, None, None]
        return F.conv2d(x, fake_quantise(self.weight, self.step, self.fmt))


class QuantHead(Quantised, Head):
    """``Head`` with quantised weights and one step for all classes (their scores are compared)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, fake_quantise(self.weight, self.step, self.fmt), self.bias)

    def integer_bias(self) -> Tensor:
        """Bias on the grid of step·2^−f, whole float64 numbers, with a straight-through gradient."""
        lsb = self.step.detach().double().reshape(1) * 2.0**-self.fmt.fraction_bits
        return round_through(cast(Tensor, self.bias).double() / lsb)

    def read(self, x: Tensor, keep: Tensor | None) -> Tensor:
        if not self.exact:
            return super().read(x, keep)
        count = x.shape[0] * x.shape[2]
        sums = F.linear(x.sum(dim=(0, 2)), integer_values(self.weight, self.step, self.fmt).to(x.dtype))
        scores = sums * 2.0**self.fmt.fraction_bits + count * self.integer_bias().to(x.dtype)
        lsb = self.step.detach().to(x.dtype).reshape(1) * 2.0**-self.fmt.fraction_bits
        return scores * (lsb / count)


def quantised_layer(layer: nn.Module, fmt: QuantFormat) -> Quantised:
    """The quantised counterpart of ``layer``, sharing its parameters; steps per channel where a neuron ends the sum."""
    new: Quantised
    if isinstance(layer, Head):
        new = QuantHead(layer.in_features, layer.out_features)
    elif isinstance(layer, Conv3):
        new = QuantConv3(layer.in_channels, layer.out_channels, bias=layer.bias is not None)
    elif isinstance(layer, Pointwise):
        new = QuantPointwise(layer.in_channels, layer.out_channels, bias=layer.bias is not None)
    elif isinstance(layer, Dense):
        new = QuantDense(layer.in_features, layer.out_features, bias=layer.bias is not None)
    else:
        raise TypeError(f"can quantise Dense, Pointwise, Conv3 and Head layers, not {type(layer).__name__}")
    new.adopt(layer, fmt, per_channel=not isinstance(layer, Head))
    return new
