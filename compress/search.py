"""A differentiable search of scheme and width for every layer (paper 2, SpikeHQ).

Each layer's weight is a mixture ``Σ_c g_c · quantise_c(w)`` with Gumbel-softmax ``g`` over the candidates and a learned
step for each (*ours*: the weights are mixed, not parallel layers). The loss carries this accelerator's cost
(compress/search_cost.py). At the end every layer takes one candidate: the likeliest whose average reaches the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spikewright.compress.build import layer_names
from spikewright.compress.masks import Masks
from spikewright.compress.quantise import WeightFormat, best_step, fake_quantise
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Head

_ORIGINAL = ".parametrizations.weight.original"


class Mixture(nn.Module):
    """A weight as a mixture of its quantised versions; ``logits [candidates]`` and a step for each are trained."""

    def __init__(self, weight: Tensor, formats: Sequence[WeightFormat], *, per_channel: bool) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.logits = nn.Parameter(torch.zeros(len(formats)))
        self.steps = nn.ParameterList(best_step(weight, fmt, per_channel=per_channel) for fmt in formats)
        codes = (f.codes(weight.detach().double() / s.double()) for f, s in zip(formats, self.steps, strict=True))
        self._kept = [int(c.count_nonzero()) / weight.numel() for c in codes]

    def probabilities(self) -> Tensor:
        """How likely each candidate is, ``[candidates]``."""
        return F.softmax(self.logits, dim=0)

    def kept(self) -> list[float]:
        """Share of each candidate's weights that is not rounded to 0, as it was when the mixture was made."""
        return self._kept

    def forward(self, weight: Tensor) -> Tensor:
        if self.training:
            share = F.gumbel_softmax(self.logits)
        else:
            share = F.one_hot(self.logits.argmax(), len(self.formats)).to(weight.dtype)
        parts = (fake_quantise(weight, step, fmt) for step, fmt in zip(self.steps, self.formats, strict=True))
        return torch.stack([g * part for g, part in zip(share, parts, strict=True)]).sum(0)


def begin_search(network: SpikingNetwork, formats: Sequence[WeightFormat]) -> dict[str, Mixture]:
    """Put a mixture on every layer's weight, in place; the mixtures by layer name."""
    found = {}
    for name in layer_names(network):
        layer = network.get_submodule(name)
        mixture = Mixture(cast(Tensor, layer.weight), formats, per_channel=not isinstance(layer, Head))
        parametrize.register_parametrization(layer, "weight", mixture)
        found[name] = mixture
    return found


def end_search(network: SpikingNetwork) -> None:
    """Take the mixtures away again, in place: every layer has its plain weight."""
    for name in layer_names(network):
        parametrize.remove_parametrizations(network.get_submodule(name), "weight", leave_parametrized=False)


def masks_in_search(masks: Masks, mixtures: Mapping[str, Mixture]) -> Masks:
    """Masks by the names that parameters have while the search runs; a shortcut, which is not searched, keeps its."""
    layers = {name: name.removesuffix(".weight") for name in masks}
    return {layers[n] + _ORIGINAL if layers[n] in mixtures else n: mask for n, mask in masks.items()}


def assign(
    mixtures: Mapping[str, Mixture], weights: Mapping[str, int], target_bits: float, *, fixed: Sequence[int] = ()
) -> dict[str, WeightFormat]:
    """One format for each layer, the likeliest whose average width over ``weights`` reaches ``target_bits`` from below.

    fixed: widths of further weights, one number each, that are not searched (shortcuts) and count in the average.
    Greedy: from every layer's likeliest candidate the step down that costs the least likelihood per bit saved, until
    the average fits; then the step up that gains the most or costs the least per bit, while there is room for one. Ties
    go to the earlier layer.
    """
    scores = {name: torch.log(m.probabilities().detach().double()).tolist() for name, m in mixtures.items()}
    bits = {name: [f.bits for f in m.formats] for name, m in mixtures.items()}
    chosen = {name: max(range(len(s)), key=lambda i, s=s: s[i]) for name, s in scores.items()}  # type: ignore[misc]
    budget = target_bits * (sum(weights.values()) + len(fixed)) - sum(fixed) + 1e-9

    def used() -> float:
        return float(sum(weights[n] * bits[n][i] for n, i in chosen.items()))

    while used() > budget:
        steps = [
            ((scores[n][i] - scores[n][j]) / (weights[n] * (bits[n][i] - bits[n][j])), n, j)
            for n, i in chosen.items()
            for j in range(len(bits[n]))
            if bits[n][j] < bits[n][i]
        ]
        if not steps:
            raise ValueError(f"target_bits {target_bits!r} is below what the smallest candidates take")
        _, name, to = min(steps, key=lambda step: step[0])
        chosen[name] = to
    while True:
        room = budget - used()
        ups = [
            ((scores[n][j] - scores[n][i]) / (weights[n] * (bits[n][j] - bits[n][i])), n, j)
            for n, i in chosen.items()
            for j in range(len(bits[n]))
            if 0 < weights[n] * (bits[n][j] - bits[n][i]) <= room
        ]
        if not ups:
            return {name: mixtures[name].formats[i] for name, i in chosen.items()}
        _, name, to = max(ups, key=lambda step: step[0])
        chosen[name] = to
