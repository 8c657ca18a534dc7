"""Attention-guided compression of an ANN and sparse learning of the SNN it becomes (paper 4), not iterative.

The stages: a dense ANN (meta-model); a compressed ANN that is guided by the meta-model's attention maps, irregular
(single weights) or by channels; thresholds from a percentile of what the neurons see; training of the SNN with direct
input, weights, thresholds and leaks together, at a fixed density with regrowth. The abstract leaves open what the maps
and the rules of dropping are; ours are named below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.compress.methods.masks import MaskError, Masks, groups, magnitude_masks, prunable
from spikewright.errors import PlainError
from spikewright.models.convnets import ConvNet, Unit
from spikewright.models.data import Split
from spikewright.models.graph import Result, SpikingNetwork
from spikewright.models.neurons import PlasticLIF
from spikewright.models.task import Task

#: Where a neuron's threshold begins, as a part of the percentile of its input (the public code of the paper's group).
PERCENTILE, THRESHOLD_FACTOR = 99.7, 0.3


class ThresholdError(PlainError):
    """A trained ANN has no thresholds to become an SNN with; the text is one sentence."""


def attention_maps(network: ConvNet, images: Tensor) -> list[Tensor]:
    """One map a stage, ``[B, H·W]``: |activation|² summed over channels, the mean over steps, of length 1.

    Zagoruyko and Komodakis' activation-based maps, taken in front of every pool and at the end, but for a lone pixel,
    whose map is always 1.
    """
    _, stages = network.stages(images)
    return [F.normalize(x.square().sum(2).mean(0).flatten(1), dim=1) for x in stages if x[0, 0, 0].numel() > 1]


class AttentionTransfer(nn.Module):
    """A term of the objective: ``weight · mean (map_student − map_meta)²``, over images, pixels, then stages."""

    def __init__(self, meta: ConvNet, weight: float = 1000.0) -> None:
        super().__init__()
        self.meta, self.weight = meta, weight

    def forward(self, network: SpikingNetwork, result: Result, images: Tensor) -> Tensor:
        with torch.no_grad():
            meta_maps = attention_maps(self.meta, images)
        student_maps = attention_maps(cast(ConvNet, network), images)
        terms = [(a - b).square().mean() for a, b in zip(student_maps, meta_maps, strict=True)]
        return self.weight * torch.stack(terms).mean()


def layer_counts(shapes: Mapping[str, torch.Size], keep: int) -> dict[str, int]:
    """How many weights each layer keeps: density ∝ Σ of its sides / Π of its sides, at most 1 (ERK, Evci et al., 2020).

    *Ours* for paper 4: small layers stay dense, or the first of them would let nothing through. Sums to ``keep``.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    if not len(shapes) <= keep <= sum(sizes.values()):
        raise MaskError(f"a density must leave {len(shapes)} to {sum(sizes.values())} weights, not {keep}")
    raw = {name: sum(shape) / sizes[name] for name, shape in shapes.items()}
    low, high = 0.0, 1.0 / min(raw.values())
    for _ in range(60):
        factor = (low + high) / 2
        total = sum(min(1.0, factor * raw[name]) * sizes[name] for name in shapes)
        low, high = (factor, high) if total < keep else (low, factor)
    counts = {name: max(1, int(min(1.0, low * raw[name]) * sizes[name])) for name in shapes}
    for name in sorted(shapes, key=lambda n: (-sizes[n], n)) * 2:  # what rounding left, to the widest
        counts[name] += max(1 - counts[name], min(sizes[name] - counts[name], keep - sum(counts.values())))
    return counts


def density_masks(network: ConvNet, keep: int, *, banks: int = 1) -> Masks:
    """Masks that keep ``keep`` weights, in each layer the greatest |w| of as many as ``layer_counts`` gives it."""
    weights = prunable(network)
    masks: Masks = {}
    for name, count in layer_counts({n: w.shape for n, w in weights.items()}, keep).items():
        masks |= magnitude_masks({name: weights[name]}, count, banks=banks)
    return masks


def match_activity(network: ConvNet, meta: ConvNet, images: Tensor) -> None:
    """Scale each layer's weights, in place, so that its sums spread as the meta-model's do on ``images`` (*ours*).

    Pruning takes most of a sum away; without a norm behind it the loss would grow from layer to layer until nothing
    came through. Layer by layer from the first, what each reads being already scaled; a shortcut's matrix by itself,
    so that the branches meet in the meta-model's proportion. The identity needs no scaling.
    """
    for unit, meta_unit in zip(network.unit, meta.unit, strict=True):
        pairs: list[tuple[nn.Module, nn.Module]] = [(cast(Unit, unit).synapse, cast(Unit, meta_unit).synapse)]
        branch, meta_branch = cast(Unit, unit).shortcut, cast(Unit, meta_unit).shortcut
        if branch is not None and meta_branch is not None and branch.weight is not None:
            pairs.append((branch, meta_branch))
        spreads = [(_spread(network, a, images), _spread(meta, b, images)) for a, b in pairs]
        with torch.no_grad():
            for (layer, _), (spread, meta_spread) in zip(pairs, spreads, strict=True):
                if min(spread, meta_spread) > 0:
                    cast(Tensor, layer.weight).mul_(meta_spread / spread)


def _spread(network: ConvNet, layer: nn.Module, images: Tensor) -> float:
    """Standard deviation of what the layer gives on the images."""
    given: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _read, sums: given.append(sums))
    with torch.no_grad():
        network(images)
    hook.remove()
    return float(given[0].std())


@dataclass
class Regrowth:
    """Sparse learning: each epoch every layer drops its smallest |w| and regrows as many where momentum is greatest.

    rate: share of a layer's kept weights that would move before the first epoch; after each epoch it has fallen along a
    cosine, to 0 at the end; banks: weights move in groups of one in each bank of an output (*ours*, ``groups`` of
    methods/masks.py), so that masks with equally many in each bank stay so. The density stays what it is, layer by
    layer. The momentum is that of the optimiser, which runs on for dropped weights too.
    """

    rate: float = 0.3
    banks: int = 1

    def __call__(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, masks: Masks, epoch: int, epochs: int
    ) -> None:
        """Change ``masks`` and the weights in place, after epoch ``epoch`` (1 …) of ``epochs``."""
        share = self.rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        parameters = dict(network.named_parameters())
        for name, mask in masks.items():
            weight = parameters[name]
            state = optimiser.state.get(weight)
            alive = int(mask.sum())
            moving = min(int(share * alive), mask.numel() - alive)
            if not state or not moving:
                continue
            flat = mask.reshape(-1)
            # of equal counts a group is all kept or all gone
            kept, living = groups(torch.where(mask, weight.detach().abs(), -1.0), self.banks)
            momentum, resting = groups(torch.where(mask, -1.0, state["exp_avg"].abs()), self.banks)
            moving //= living.shape[1]
            dropped = torch.sort(torch.where(kept >= 0, kept, torch.inf), stable=True).indices[:moving]
            grown = torch.sort(momentum, descending=True, stable=True).indices[:moving]
            flat[living[dropped].reshape(-1)] = False
            flat[resting[grown].reshape(-1)] = True
            with torch.no_grad():
                weight.mul_(mask)


def set_thresholds(network: ConvNet, task: Task, split: Split, *, count: int = 256) -> list[float]:
    """Each neuron's threshold, in place: 0.3 · the 99.7th percentile of its input over ``count`` images.

    Layer by layer from the first: what a neuron sees comes through the thresholds already set. Returns them.
    ThresholdError where a neuron could never fire.
    """
    network.eval()
    images = task.inputs(split.images[:count])
    levels = []
    for number, unit in enumerate(network.unit):
        neuron = cast(PlasticLIF, cast(Unit, unit).neuron)
        seen: list[Tensor] = []
        hook = neuron.register_forward_pre_hook(lambda _module, given, seen=seen: seen.append(given[0]))
        with torch.no_grad():
            network(images)
        hook.remove()
        values = seen[0].flatten()
        rank = max(1, math.ceil(values.numel() * PERCENTILE / 100))
        level = THRESHOLD_FACTOR * float(values.kthvalue(rank).values)
        if level <= 0:
            raise ThresholdError(
                f"unit.{number}: what its neurons read is never positive, so they never fire: train the ANN longer"
            )
        with torch.no_grad():
            neuron.level.fill_(level)
        levels.append(level)
    return levels
