"""Which modules of a network hold its synapses: what its graph tells, found among the modules by identity.

A user's network may call an op otherwise than the module that computes it; compression works on modules, the cost
model and the package on ops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from spikewright.compress.tokens import TokenSelector
from spikewright.models.graph import IMAGE, Builder, Norm, SpikingNetwork
from spikewright.models.neurons import LIF

#: Layers of a token selector, by the names of its modules.
_PARTS: tuple[Literal["hidden", "score"], ...] = ("hidden", "score")


@dataclass(frozen=True)
class Synapse:
    """One op with weights: its name in the graph, its module's path, and that of a shortcut that meets its sums."""

    op: str
    kind: Literal["conv", "linear", "hidden", "score", "head"]
    path: str
    shortcut: str | None = None
    reads_image: bool = False


class _Listener(Builder):
    def __init__(self, network: SpikingNetwork) -> None:
        self.paths: dict[int, str] = {id(module): path for path, module in network.named_modules()}
        self.found: list[Synapse] = []

    def _path(self, op: str, module: nn.Module) -> str:
        if id(module) not in self.paths:
            raise ValueError(f"{op}: its {type(module).__name__} is no submodule of the network")
        return self.paths[id(module)]

    def conv(
        self,
        name: str,
        source: str,
        synapse: nn.Module,
        norm: Norm | None,
        neuron: LIF,
        *,
        shortcut: tuple[str, nn.Module] | None = None,
    ) -> str:
        branch = None if shortcut is None else self._path(name, shortcut[1])
        self.found.append(Synapse(name, "conv", self._path(name, synapse), branch, source == IMAGE))
        return name

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        self.found.append(Synapse(name, "linear", self._path(name, synapse)))
        return name

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        if isinstance(selector, TokenSelector):
            for kind in _PARTS:
                self.found.append(Synapse(f"{name}.{kind}", kind, self.paths[id(selector.get_submodule(kind))]))
        return name

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        self.found.append(Synapse(name, "head", self._path(name, synapse)))
        return name


def synapses(network: SpikingNetwork) -> list[Synapse]:
    """Every op with weights, and both layers of every token selector, in execution order."""
    listener = _Listener(network)
    network.describe(listener)
    return listener.found
