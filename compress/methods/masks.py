"""Masks by magnitude: lottery tickets' global rounds with late rewinding (paper 1), L1P by matrix (paper 3), banks."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spikewright.compress.methods.synapses import synapses
from spikewright.compress.methods.tokens import TokenSelector
from spikewright.errors import PlainError
from spikewright.models.graph import SpikingNetwork
from spikewright.models.layers import Shortcut

Masks = dict[str, Tensor]


class MaskError(PlainError):
    """Masks cannot be made; the text is one sentence."""


def block_matrices(network: SpikingNetwork) -> dict[str, nn.Parameter]:
    """The matrices of a transformer's blocks (q, k, v, proj, both of the MLP) by parameter name: what L1P prunes."""
    inside = {f"{synapse.path}.weight" for synapse in synapses(network) if synapse.kind == "linear"}
    matrices = {name: weight for name, weight in prunable(network).items() if name in inside}
    if not matrices:
        raise MaskError("l1p prunes the matrices of a transformer's blocks, but the network has none")
    return matrices


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights that pruning may take: every weight tensor of more than one dimension outside the token selectors."""
    inside = {id(p) for m in model.modules() if isinstance(m, TokenSelector) for p in m.parameters()}
    return {n: p for n, p in model.named_parameters() if n.endswith("weight") and p.dim() > 1 and id(p) not in inside}


def weight_count(weights: Mapping[str, Tensor]) -> int:
    """How many weights these tensors hold together, zeros included."""
    return sum(weight.numel() for weight in weights.values())


def selector_weights(model: nn.Module) -> int:
    """Weights of the selectors as the accelerator stores them (one score row): always counted as kept."""
    chosen = [m for m in model.modules() if isinstance(m, TokenSelector)]
    return sum(m.hidden.weight.numel() + m.hidden.weight.shape[0] for m in chosen)


def pruned_share(network: SpikingNetwork, dense: SpikingNetwork | None = None) -> float:
    """Pruned / dense weights with more than one dimension; the selectors' count as kept (paper 1's sparsity).

    dense: the network before whole dimensions went, if any did. Zeros count, whether or not they are masked.
    """
    apart = selector_weights(network)
    total = weight_count(prunable(dense or network)) + apart
    return 1 - (sum(int(weight.count_nonzero()) for weight in prunable(network).values()) + apart) / total


def survivors(total: int, sparsity: float, rounds: int, done: int) -> int:
    """Weights left after ``done`` of ``rounds`` rounds, of ``total``.

    Each round keeps (1 − sparsity)^(1/rounds) of what the round before left; the last one hits
    ``total − ⌈sparsity·total⌉`` exactly (0.75⁸ alone would be 89.989 %, just short of 90 %).
    """
    if not 0.0 <= sparsity < 1.0:
        raise MaskError(f"sparsity must be at least 0 and below 1, not {sparsity!r}")
    if done >= rounds:
        return total - math.ceil(round(sparsity * total, 6))  # rounded first: 0.9·10 must not become 9.000000000000002
    share: float = (1.0 - sparsity) ** (done / rounds)
    return round(total * share)


def groups(values: Tensor, banks: int) -> tuple[Tensor, Tensor]:
    """Groups of weights that live or die together: ``scores [g]``, their mean value; ``members [g, k]``, flat indices.

    values: ``[out, in, ...]``, |w| say; banks: within an output, channel c is read from bank c mod ``banks``; the r-th
    greatest of every bank form a group, so that an output keeps equally many in each bank. A layer with fewer channels
    than banks (the image's) falls into groups of one.
    """
    out, channels = values.shape[:2]
    index = torch.arange(values.numel(), device=values.device).reshape(values.shape)
    if banks == 1 or channels % banks:
        return values.reshape(-1), index.reshape(-1, 1)

    def by_bank(x: Tensor) -> Tensor:
        apart = x.reshape(out, channels // banks, banks, -1).transpose(1, 2)
        return apart.reshape(out, banks, -1)

    ranked = torch.sort(by_bank(values), dim=2, descending=True, stable=True)
    members = by_bank(index).gather(2, ranked.indices).transpose(1, 2).reshape(-1, banks)
    return ranked.values.mean(1).reshape(-1), members


def magnitude_masks(weights: Mapping[str, Tensor], keep: int, before: Masks | None = None, *, banks: int = 1) -> Masks:
    """Bool masks that keep exactly ``keep`` weights: the greatest |w| over all tensors together.

    before: weights outside these masks never come back; banks: above 1 every output keeps equally many weights in each
    bank of input channels, the groups of the greatest mean |w| first; the count is then reached from below, to within a
    group. Ties go to the earlier tensor and lower index. MaskError where banks do not divide the channels, too many or
    too few weights would stay, or a layer would have none.
    """
    names = list(weights)
    for name in names:
        channels = weights[name].shape[1]
        if channels > banks and channels % banks:
            raise MaskError(f"banks must divide the {channels} input channels of {name}, not {banks}")
    alive = {n: weights[n].detach() if before is None else weights[n].detach() * before[n] for n in names}
    parts = [groups(alive[n].abs().double(), banks) for n in names]
    allowed = torch.cat([torch.ones(weights[n].numel()) if before is None else before[n].reshape(-1) for n in names])
    left = int(allowed.sum())
    if keep < 1:
        raise MaskError(f"masks must keep some weights, not {keep}: prune less, or select tokens with fewer weights")
    if keep > left:
        raise MaskError(f"keep must be at most the {left} surviving weights, not {keep}")
    firsts = torch.tensor([0, *(weights[n].numel() for n in names)]).cumsum(0)
    scores = torch.cat([score for score, _ in parts])
    sizes = torch.cat([torch.full((len(members),), members.shape[1]) for _, members in parts])
    width = int(sizes.max())
    members = torch.cat(
        [
            torch.nn.functional.pad(m + first, (0, width - m.shape[1]), value=-1)
            for (_, m), first in zip(parts, firsts[:-1], strict=True)
        ]
    )
    whole = (allowed.bool()[members.clamp(min=0)] | (members < 0)).all(1)
    order = torch.sort(torch.where(whole, scores, -1.0), descending=True, stable=True).indices
    order = order[whole[order]]
    ends = sizes[order].cumsum(0)
    taken = order[ends <= keep]
    rest = order[(ends > keep) & (sizes[order] == 1)]  # single weights fill what a whole group would overshoot
    taken = torch.cat([taken, rest[: keep - int(sizes[taken].sum())]])
    chosen = torch.zeros(int(firsts[-1]) + 1, dtype=torch.bool)
    chosen[members[taken].reshape(-1)] = True  # the last element takes the padding's −1
    masks = {
        n: chosen[first : first + weights[n].numel()].reshape(weights[n].shape)
        for n, first in zip(names, firsts[:-1].tolist(), strict=True)
    }
    _refuse_empty(masks)
    return masks


def matrix_masks(weights: Mapping[str, Tensor], sparsity: float, *, banks: int = 1) -> Masks:
    """L1P (paper 3): each matrix by itself keeps its greatest |w|, ``⌈sparsity · its weights⌉`` go."""
    masks: Masks = {}
    for name, weight in weights.items():
        keep = survivors(weight.numel(), sparsity, 1, 1)
        if keep < 1:
            raise MaskError(f"masks must leave every layer some weights, but {name} would have none: prune less")
        masks |= magnitude_masks({name: weight}, keep, banks=banks)
    return masks


def _refuse_empty(masks: Masks) -> None:
    empty = [n for n, mask in masks.items() if not mask.any()]
    if empty:
        raise MaskError(f"masks must leave every layer some weights, but {empty[0]} would have none: prune less")


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


def reinitialised(model: nn.Module, seed: int, label: str) -> dict[str, Tensor]:
    """A control of rewinding: the network's state with its weights drawn anew, norms and the rest as they begin."""
    torch.manual_seed(zlib.crc32(f"{seed}/{label}".encode()))
    fresh = copy.deepcopy(model)
    fresh.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # the order in which chance fills it
    for module in fresh.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear | nn.Conv1d):
            nn.init.trunc_normal_(module.weight, std=0.02)  # as Spikformer begins
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | Shortcut):
            module.reset_parameters()
    return {name: tensor.detach().clone() for name, tensor in fresh.state_dict().items()}
