"""A differentiable search of scheme and width for every layer (paper 2, SpikeHQ).

Each layer's weight is a mixture ``Σ_c g_c · quantise_c(w)`` with Gumbel-softmax ``g`` over the candidates and a learned
step for each (*ours*: the weights are mixed, not parallel layers). The loss carries this accelerator's cost
(compress/search/cost.py). At the end every layer takes one candidate: those that are likeliest together and reach the
target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.quantise import QuantFormat, best_step, fake_quantise
from spikewright.compress.networks.build import layer_names
from spikewright.compress.search.assignment import assigned
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Head

_ORIGINAL = ".parametrizations.weight.original"
#: Of the Gumbel-softmax, in the first epoch and in the last: mixtures end as nearly one candidate, or none is learned.
TEMPERATURES = (1.0, 0.1)


class Mixture(nn.Module):
    """A weight as a mixture of its quantised versions; ``logits [candidates]`` and a step for each are trained."""

    def __init__(self, weight: Tensor, formats: Sequence[QuantFormat], *, per_channel: bool) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.logits = nn.Parameter(torch.zeros(len(formats)))
        self.temperature = TEMPERATURES[0]
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
            share = F.gumbel_softmax(self.logits, tau=self.temperature)
        else:
            share = F.one_hot(self.logits.argmax(), len(self.formats)).to(weight.dtype)
        parts = (fake_quantise(weight, step, fmt) for step, fmt in zip(self.steps, self.formats, strict=True))
        return torch.stack([g * part for g, part in zip(share, parts, strict=True)]).sum(0)


def begin_search(network: SpikingNetwork, formats: Sequence[QuantFormat]) -> dict[str, Mixture]:
    """Put a mixture on every layer's weight, in place; the mixtures by layer name."""
    mixtures = {}
    for name in layer_names(network):
        layer = network.get_submodule(name)
        # one step for all outputs where they are compared: the head's classes, a selector's two
        per_channel = not isinstance(layer, Head) and not name.startswith("selector.")
        mixture = Mixture(cast(Tensor, layer.weight), formats, per_channel=per_channel)
        parametrize.register_parametrization(layer, "weight", mixture)
        mixtures[name] = mixture
    return mixtures


def cool(mixtures: Mapping[str, Mixture], done: int, epochs: int) -> None:
    """Set the temperature for the epoch after ``done`` of them, in place: it falls by equal factors."""
    first, last = TEMPERATURES
    for mixture in mixtures.values():
        mixture.temperature = first * (last / first) ** min(1.0, done / max(1, epochs - 1))


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
) -> dict[str, QuantFormat]:
    """One format for each layer, the likeliest together whose average width over ``weights`` reaches ``target_bits``.

    fixed: widths of further weights, one number each, that are not searched (shortcuts) and count in the average. It is
    reached from below, to within a hundredth of a bit, or as near as the layers' sizes allow. No layer is wider than
    both the widest of the likeliest candidates and the narrowest width that reaches the target: the ROM's fields are as
    wide as the widest layer's, and one small layer would hardly move the average. ValueError where no formats are as
    narrow as the target.
    """
    likely = [m.formats[int(m.probabilities().argmax())].bits for m in mixtures.values()]
    roof = max(likely)
    if roof < target_bits:
        roof = min((f.bits for m in mixtures.values() for f in m.formats if f.bits >= target_bits), default=roof)
    taken = assigned(
        [F.log_softmax(m.logits.detach().double(), dim=0).cpu().numpy() for m in mixtures.values()],
        [np.array([f.bits for f in m.formats]) for m in mixtures.values()],
        [weights[name] for name in mixtures],
        target_bits,
        roof=roof,
        fixed=fixed,
    )
    return {name: m.formats[at] for (name, m), at in zip(mixtures.items(), taken, strict=True)}
