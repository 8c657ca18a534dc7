"""Synapse layers: weights with the norm and the neuron that follow them.

The norm and the neuron are modules of the *owner* (so that the state_dict keeps the published names
``q_linear``, ``q_bn``); a synapse is handed both in ``drive``. Quantised synapses override ``drive`` to run the
whole triple on the integer membrane grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.models.neurons import LIF


def normalise_tokens(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """BatchNorm over the last axis of ``x [..., C]``."""
    normed: Tensor = norm(x.reshape(-1, x.shape[-1]))
    return normed.reshape(x.shape)


class Dense(nn.Linear):
    """``x [T, B, N, in] → [T, B, N, out]``, per token."""

    def drive(self, x: Tensor, norm: nn.BatchNorm1d | None, neuron: LIF) -> Tensor:
        """Spikes ``[T, B, N, out]`` of neuron(norm(W·x)), or of neuron(W·x)."""
        sums: Tensor = self(x)
        spikes: Tensor = neuron(sums if norm is None else normalise_tokens(norm, sums))
        return spikes


class Pointwise(nn.Conv1d):
    """The same map kept as a 1-D convolution of kernel 1 (weights ``[out, in, 1]``), as DVS checkpoints name it."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight[:, :, 0], self.bias)

    def drive(self, x: Tensor, norm: nn.BatchNorm1d | None, neuron: LIF) -> Tensor:
        """Spikes ``[T, B, N, out]`` of neuron(norm(W·x)), or of neuron(W·x)."""
        sums = self(x)
        spikes: Tensor = neuron(sums if norm is None else normalise_tokens(norm, sums))
        return spikes


class Conv3(nn.Conv2d):
    """3×3 convolution, stride 1, zero padding 1: ``x [T, B, in, H, W] → [T, B, out, H, W]``."""

    input_scale = 1.0  #: what one unit of the input is worth; the bias, where there is one, is in the units of the sums

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.input_scale == 1.0 else x * self.input_scale)

    def extra_repr(self) -> str:
        plain: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{plain}, input_scale={self.input_scale}"

    def drive(
        self,
        x: Tensor,
        norm: nn.BatchNorm2d | None,
        neuron: LIF,
        *,
        steps: int,
        shortcut: tuple[Shortcut, Tensor] | None = None,
    ) -> Tensor:
        """Spikes ``[T, B, out, H, W]``. An x with one step (the still image) is computed once and repeated T times.

        shortcut: joins the sums in front of the neuron, with what it reads.
        """
        sums: Tensor = self(x.flatten(0, 1))
        if norm is not None:
            sums = norm(sums)
        if shortcut is not None:
            sums = sums + shortcut[0](shortcut[1].flatten(0, 1))
        sums = sums.reshape(*x.shape[:2], *sums.shape[1:])
        spikes: Tensor = neuron(sums.expand(steps, *sums.shape[1:]))
        return spikes


class Shortcut(nn.Module):
    """A residual branch that meets the sums of a convolution: the identity, or a 1×1 matrix where channels change."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.scale = 1.0  #: of the identity
        self.weight = None if inputs == outputs else nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the matrix, as in the beginning."""
        if self.weight is not None:
            nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
            with torch.no_grad():
                self.weight.mul_(0.5)  # as the convolution that it meets

    def divide(self, by: float) -> None:
        """Make what comes through smaller, because what it reads has grown."""
        if self.weight is None:
            self.scale /= by
        else:
            with torch.no_grad():
                self.weight.div_(by)

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, in, H, W] → [B, out, H, W]``."""
        return x * self.scale if self.weight is None else F.conv2d(x, self.weight)

    def extra_repr(self) -> str:
        return f"outputs={self.outputs}, scale={self.scale}"


def count_pool(x: Tensor) -> Tensor:
    """Sums over 2×2 windows, stride 2: ``[T, B, C, H, W] → [T, B, C, H/2, W/2]``; of spikes 0…4."""
    pooled = F.avg_pool2d(x.flatten(0, 1), 2) * 4
    return pooled.reshape(*x.shape[:2], *pooled.shape[1:])


def or_pool(spikes: Tensor) -> Tensor:
    """OR over 3×3 windows, stride 2, padding 1: ``[T, B, C, H, W] → [T, B, C, H/2, W/2]``."""
    pooled = F.max_pool2d(spikes.flatten(0, 1), 3, 2, 1)
    return pooled.reshape(*spikes.shape[:2], *pooled.shape[1:])
