"""A differentiable search of scheme and width for every layer (paper 2, SpikeHQ).

Each layer's weight is a mixture ``Σ_c g_c · quantise_c(w)`` with Gumbel-softmax ``g`` over the candidates and a learned
step for each (*ours*: the weights are mixed, not parallel layers). The loss carries the cost model of this accelerator:
stored bits, energy of additions by width, and the distance to the wished average width. At the end every layer takes
one candidate: the likeliest ones whose average meets the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spikewright.compress.account import layers_of
from spikewright.compress.build import layer_names
from spikewright.compress.masks import Masks
from spikewright.compress.quantise import WeightFormat, best_step, fake_quantise
from spikewright.cost.energy import layer_energy
from spikewright.cost.storage import stored_bits
from spikewright.cost.work import Layer
from spikewright.models.graph import Result, SpikingNetwork
from spikewright.models.spikformer import Head

_BANKS = 4
_ORIGINAL = ".parametrizations.weight.original"


class Mixture(nn.Module):
    """A weight as a mixture of its quantised versions; ``logits [candidates]`` and a step for each are trained."""

    def __init__(self, weight: Tensor, formats: Sequence[WeightFormat], *, per_channel: bool) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.temperature = 1.0
        self.logits = nn.Parameter(torch.zeros(len(formats)))
        self.steps = nn.ParameterList(best_step(weight, fmt, per_channel=per_channel) for fmt in formats)

    def probabilities(self) -> Tensor:
        """How likely each candidate is, ``[candidates]``."""
        return F.softmax(self.logits, dim=0)

    def forward(self, weight: Tensor) -> Tensor:
        if self.training:
            share = F.gumbel_softmax(self.logits, tau=self.temperature)
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


def masks_in_search(masks: Masks) -> Masks:
    """Masks by the names that parameters have while the search runs."""
    return {name.removesuffix(".weight") + _ORIGINAL: mask for name, mask in masks.items()}


@dataclass
class HardwareCost:
    """A term of the objective: the expected cost of the mixtures, relative to 8-bit uniform weights everywhere.

    ``stored · E[stored bits] + energy · E[energy by bits] + width · relu(E[average bits] / target − 1)``.
    The cost model's figures of every layer and candidate are constants; the probabilities carry the gradient.
    """

    mixtures: Mapping[str, Mixture]
    layers: Mapping[str, Layer]
    target_bits: float
    stored: float = 0.05
    energy: float = 0.05
    width: float = 2.0
    rate: float = 0.15  #: mean activity of an input plane, for the energy

    def table(self) -> dict[str, tuple[Tensor, Tensor]]:
        """For each layer the stored bits and the energy (b) of its candidates."""
        result = {}
        for name, mixture in self.mixtures.items():
            as_bits = [replace(self.layers[name], bits=fmt.bits) for fmt in mixture.formats]
            # a power of two reaches further than its code is wide, and so do the sums
            reach = [
                replace(layer, bits=fmt.top.bit_length() + 1)
                for layer, fmt in zip(as_bits, mixture.formats, strict=True)
            ]
            result[name] = (
                torch.tensor([float(stored_bits(layer, banks=_BANKS)) for layer in as_bits]),
                torch.tensor([layer_energy(layer, self.rate).bits_pj for layer in reach]),
            )
        return result

    def expected_bits(self) -> Tensor:
        """Average width over all weights, with a gradient."""
        total = sum(self.layers[name].weights for name in self.mixtures)
        parts = [
            m.probabilities() @ torch.tensor([float(f.bits) for f in m.formats]) * self.layers[name].weights
            for name, m in self.mixtures.items()
        ]
        return torch.stack(parts).sum() / total

    def __call__(self, network: SpikingNetwork, result: Result, images: Tensor) -> Tensor:
        table = self.table()
        totals = []
        for which in (0, 1):
            expected = torch.stack([m.probabilities() @ table[name][which] for name, m in self.mixtures.items()]).sum()
            eight = sum(float(costs[which].max()) for costs in table.values())
            totals.append(expected / eight)
        over = F.relu(self.expected_bits() / self.target_bits - 1)
        return self.stored * totals[0] + self.energy * totals[1] + self.width * over


def hardware_cost(network: SpikingNetwork, mixtures: Mapping[str, Mixture], target_bits: float) -> HardwareCost:
    """The term for a network whose search has begun; ValueError for a target that no candidate reaches."""
    least = min(fmt.bits for mixture in mixtures.values() for fmt in mixture.formats)
    if target_bits < least:
        raise ValueError(f"target_bits must be at least {least}, the smallest width, not {target_bits!r}")
    layers = {layer.name: layer for layer in layers_of(network)}
    return HardwareCost(mixtures, layers, target_bits)


def assign(mixtures: Mapping[str, Mixture], weights: Mapping[str, int], target_bits: float) -> dict[str, WeightFormat]:
    """One format for each layer: the likeliest whose average width over ``weights`` is at most ``target_bits``.

    Greedy: from every layer's likeliest candidate the step down that costs the least likelihood per bit saved, until
    the average fits; then steps up to likelier candidates where there is room. Ties go to the earlier layer.
    """
    scores = {name: torch.log(m.probabilities().detach().double()).tolist() for name, m in mixtures.items()}
    bits = {name: [f.bits for f in m.formats] for name, m in mixtures.items()}
    chosen = {name: max(range(len(s)), key=lambda i, s=s: s[i]) for name, s in scores.items()}  # type: ignore[misc]
    budget = target_bits * sum(weights.values()) + 1e-9

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
            (scores[n][j] - scores[n][i], n, j)
            for n, i in chosen.items()
            for j in range(len(bits[n]))
            if scores[n][j] > scores[n][i] and weights[n] * (bits[n][j] - bits[n][i]) <= room
        ]
        if not ups:
            return {name: mixtures[name].formats[i] for name, i in chosen.items()}
        _, name, to = max(ups, key=lambda step: step[0])
        chosen[name] = to
