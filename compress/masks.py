"""Global iterative magnitude pruning with late rewinding (paper 1's lottery tickets)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from spikewright.compress.tokens import TokenSelector

Masks = dict[str, Tensor]


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights that pruning may take: every weight tensor of more than one dimension outside the token selectors."""
    inside = {id(p) for m in model.modules() if isinstance(m, TokenSelector) for p in m.parameters()}
    return {n: p for n, p in model.named_parameters() if n.endswith("weight") and p.dim() > 1 and id(p) not in inside}


def selector_weights(model: nn.Module) -> int:
    """Weights of the selectors as the accelerator stores them (one score row): always counted as kept."""
    chosen = [m for m in model.modules() if isinstance(m, TokenSelector)]
    return sum(m.hidden.weight.numel() + m.hidden.weight.shape[0] for m in chosen)


def survivors(total: int, sparsity: float, rounds: int, done: int) -> int:
    """Weights left after ``done`` of ``rounds`` rounds, of ``total``.

    Each round keeps (1 − sparsity)^(1/rounds) of what the round before left; the last one hits
    ``total − ⌈sparsity·total⌉`` exactly (0.75⁸ alone would be 89.989 %, just short of 90 %).
    """
    if not 0.0 <= sparsity < 1.0:
        raise ValueError(f"sparsity must be at least 0 and below 1, not {sparsity!r}")
    if done >= rounds:
        return total - math.ceil(round(sparsity * total, 6))  # rounded first: 0.9·10 must not become 9.000000000000002
    share: float = (1.0 - sparsity) ** (done / rounds)
    return round(total * share)


def magnitude_masks(weights: dict[str, Tensor], keep: int, before: Masks | None = None) -> Masks:
    """Bool masks that keep exactly ``keep`` weights: the greatest |w| over all tensors together.

    Weights outside ``before`` never come back; ties go to the earlier tensor and lower index.
    """
    names = list(weights)
    flat = torch.cat([weights[n].detach().abs().reshape(-1).double() for n in names])
    if before is not None:
        flat = torch.where(torch.cat([before[n].reshape(-1) for n in names]), flat, torch.full_like(flat, -1.0))
        if keep > int((flat >= 0).sum()):
            raise ValueError(f"keep must be at most the {int((flat >= 0).sum())} surviving weights, not {keep}")
    chosen = torch.zeros(flat.numel(), dtype=torch.bool)
    chosen[torch.sort(flat, descending=True, stable=True).indices[:keep]] = True
    masks: Masks = {}
    first = 0
    for n in names:
        masks[n] = chosen[first : first + weights[n].numel()].reshape(weights[n].shape)
        first += weights[n].numel()
    empty = [n for n, mask in masks.items() if not mask.any()]
    if empty:
        raise ValueError(f"masks must leave every layer some weights, but {empty[0]} would have none: prune less")
    return masks


def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Set pruned weights to zero, in place; called after each optimiser step, so that they stay there."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].mul_(mask)


def rewind(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> None:
    """Load the early weights (selector's initialisation included) and cut them with the masks."""
    model.load_state_dict(early)
    apply_masks(model, masks)
