"""What training minimises: cross entropy, and the terms that the methods add to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.compress.methods.tokens import distillation_loss, ratio_loss
from spikewright.models.graph import Result, SpikingNetwork

#: A further term: of the network, what it answered, and the images.
Term = Callable[[SpikingNetwork, Result, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Objective:
    """``CE + distillation·KL(student ‖ teacher) + ratio_weight·ratio loss + terms`` (paper 1, and others' terms).

    fractions: share of the tokens that each selector shall keep; empty where none samples masks.
    """

    label_smoothing: float = 0.0
    teacher: nn.Module | None = None
    distillation: float = 0.0
    fractions: tuple[float, ...] = ()
    ratio_weight: float = 0.0
    terms: tuple[Term, ...] = ()

    def to(self, device: torch.device) -> None:
        """Move the networks that it asks."""
        for part in (self.teacher, *self.terms):
            if isinstance(part, nn.Module):
                part.to(device)

    def __call__(self, network: SpikingNetwork, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of one batch, a scalar."""
        result = network.run(images)
        loss = F.cross_entropy(result.logits, labels, label_smoothing=self.label_smoothing)
        if self.fractions:
            loss = loss + self.ratio_weight * ratio_loss(result.choices, list(self.fractions))
        if self.teacher is not None and self.distillation:
            with torch.no_grad():
                target = self.teacher(images)
            loss = loss + self.distillation * distillation_loss(result.logits, target)
        for term in self.terms:
            loss = loss + term(network, result, images)
        return loss
