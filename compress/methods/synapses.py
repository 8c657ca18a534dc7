"""Which modules of a network hold its synapses: what its graph tells, found among the modules by identity.

A user's network may call an op otherwise than the module that computes it; compression works on modules, the cost
model and the package on ops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from spikewright.compress.methods.tokens import TokenSelector
from spikewright.models.graph import IMAGE, GraphOp, SpikingNetwork, graph_of

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


def synapses(network: SpikingNetwork) -> list[Synapse]:
    """Every op with weights, and both layers of every token selector, in execution order.

    ValueError where an op's module is no submodule of the network.
    """
    paths: dict[int, str] = {id(module): path for path, module in network.named_modules()}

    def path_of(op: GraphOp, module: nn.Module) -> str:
        if id(module) not in paths:
            raise ValueError(f"{op.name}: its {type(module).__name__} is no submodule of the network")
        return paths[id(module)]

    entries: list[Synapse] = []
    for op in graph_of(network).ops:
        if op.kind == "conv" or op.kind == "linear" or op.kind == "head":
            branch = None if op.shortcut is None else path_of(op, op.shortcut[1])
            entries.append(Synapse(op.name, op.kind, path_of(op, op.part), branch, op.reads == (IMAGE,)))
        elif isinstance(op.module, TokenSelector):
            selector = op.module
            entries += [Synapse(f"{op.name}.{k}", k, path_of(op, selector.get_submodule(k))) for k in _PARTS]
    return entries
