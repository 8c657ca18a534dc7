"""What a search's mixtures would cost on this accelerator, with a gradient to the choice (paper 2's loss).

The shared cost model gives the figures of every layer and candidate, which are constants; the candidates' probabilities
carry the gradient. Each figure is relative to that of 8-bit uniform weights everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.synapses import synapses
from spikewright.compress.networks.account import layers_of
from spikewright.compress.search.mixtures import Mixture
from spikewright.cost.energy import Activity
from spikewright.cost.estimate import estimate_widths
from spikewright.cost.formats import FormatCost, format_cost
from spikewright.cost.shape import Shape
from spikewright.cost.work import Layer
from spikewright.models.graph import Result, SpikingNetwork

_EIGHT = QuantFormat("uniform", 8)


@dataclass(frozen=True)
class CostWeights:
    """Factors of the terms of ``HardwareCost``; with less on what the widest layer decides, one widens all."""

    rom: float = 0.25
    cycles: float = 0.05
    adders: float = 0.1
    energy: float = 0.05
    target: float = 2.0


@dataclass(eq=False)
class HardwareCost:
    """A term of the objective: ``Σ factor · expected figure / that of 8 bits + target · |E[bits] / target − 1|``.

    Stored ROM bits and adder width go by the *widest* layer, as in the engine, whose fields and lanes have one width:
    the expected maximum over layers that choose independently. Cycles change with the weights that a candidate rounds
    to 0, and by nothing else about it.

    layers: the searched ones, by module path; fixed: widths of further weights (shortcuts), one number each.
    """

    mixtures: Mapping[str, Mixture]
    layers: Mapping[str, Layer]
    activity: Mapping[str, Activity]
    target_bits: float
    fixed: Sequence[int] = ()
    factors: CostWeights = CostWeights()
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        self._widths = estimate_widths(list(self.layers.values()), self.shape)
        self._table = {
            name: _columns([self._cost(name, fmt, share) for fmt, share in zip(m.formats, m.kept(), strict=True)])
            for name, m in self.mixtures.items()
        }
        eight = [self._cost(name, _EIGHT, self.layers[name].share) for name in self.mixtures]
        self._eight = self._figures([_columns([cost]) for cost in eight], [torch.ones(1)] * len(eight))

    def _cost(self, name: str, fmt: QuantFormat, share: float) -> tuple[FormatCost, int, int]:
        kept = round(share * self.layers[name].weights)
        layer = replace(self.layers[name], kept=kept)
        cost = format_cost(
            layer, fmt.scheme, fmt.bits, activity=self.activity[layer.name], shape=self.shape, widths=self._widths
        )
        return cost, kept, fmt.bits

    def _figures(self, columns: list[Tensor], probabilities: list[Tensor]) -> Tensor:
        """Expected ROM bits, cycles, adder width and energy of all layers together, ``[4]``."""
        kept, cycles, energy = (
            torch.stack([p @ c[row] for c, p in zip(columns, probabilities, strict=True)]).sum() for row in (0, 1, 2)
        )
        code, adders = (expected_maximum([c[row] for c in columns], probabilities) for row in (3, 4))
        return torch.stack([kept * (code + self._widths.offset), cycles, adders, energy])

    def expected_bits(self) -> Tensor:
        """Average width over all weights, with a gradient."""
        total = sum(self.layers[name].weights for name in self.mixtures) + len(self.fixed)
        parts = [
            m.probabilities().cpu() @ torch.tensor([float(f.bits) for f in m.formats]) * self.layers[name].weights
            for name, m in self.mixtures.items()
        ]
        return (torch.stack(parts).sum() + sum(self.fixed)) / total

    def __call__(self, network: SpikingNetwork, result: Result, images: Tensor) -> Tensor:
        columns = [self._table[name] for name in self.mixtures]
        relative = self._figures(columns, [m.probabilities().cpu() for m in self.mixtures.values()]) / self._eight
        f = self.factors
        off = (self.expected_bits() / self.target_bits - 1).abs()
        cost = relative @ torch.tensor([f.rom, f.cycles, f.adders, f.energy]) + f.target * off
        return cost.to(images.device)  # some numbers for each layer: they are added up on the CPU


def _columns(costs: list[tuple[FormatCost, int, int]]) -> Tensor:
    """Rows: kept weights, cycles, energy, code bits, adder bits; a column for each candidate."""
    rows = [
        [float(kept), float(cost.cycles), cost.energy_pj, float(bits), float(cost.adder_bits)]
        for cost, kept, bits in costs
    ]
    return torch.tensor(rows).T


def expected_maximum(values: Sequence[Tensor], probabilities: Sequence[Tensor]) -> Tensor:
    """``E[max]`` of independent choices: choice l has value ``values[l][c]`` with ``probabilities[l][c]``."""
    levels = cast(Tensor, torch.unique(torch.cat(list(values))))
    below = torch.stack(
        [(v[:, None] <= levels).to(p.dtype).T @ p for v, p in zip(values, probabilities, strict=True)]
    ).prod(0)
    return levels[0] + ((1 - below[:-1]) * levels.diff()).sum()


def hardware_cost(
    network: SpikingNetwork,
    mixtures: Mapping[str, Mixture],
    target_bits: float,
    activity: Mapping[str, Activity],
    *,
    input_bits: int = 8,
    frames: bool = False,
) -> HardwareCost:
    """The term for a network whose search has begun; ValueError for a target that no candidate reaches.

    activity: of each layer's input, by the cost model's names (networks/activity.py), measured before the search.
    """
    least = min(fmt.bits for mixture in mixtures.values() for fmt in mixture.formats)
    if target_bits < least:
        raise ValueError(f"target_bits must be at least {least}, the smallest width, not {target_bits!r}")
    by_op = {
        layer.name: layer
        for layer in layers_of(network, input_bits, frames=frames, formats=dict.fromkeys(mixtures, _EIGHT))
    }
    # what a network holds just now is a sample of the mixtures; its widest candidate keeps what 8 bits would
    layers = {path: replace(by_op[op], kept=round(by_op[op].weights * max(mixtures[path].kept())))
              for path, op in ((synapse.path, synapse.op) for synapse in synapses(network))}  # fmt: skip
    fixed = [layer.bits for layer in by_op.values() if layer.kind == "shortcut" for _ in range(layer.weights)]
    return HardwareCost(mixtures, layers, activity, target_bits, fixed)
