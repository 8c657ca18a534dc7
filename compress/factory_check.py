"""Whether compression knows what a user's network is made of: asked once, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from spikewright.compress.factory import FactoryError
from spikewright.compress.masks import prunable
from spikewright.compress.synapses import synapses
from spikewright.compress.tokens import TokenSelector
from spikewright.models.graph import GraphOp, SpikingNetwork, graph_of
from spikewright.models.layers import Conv3, Dense, Pointwise, Shortcut
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Head

#: What the synapse of each kind of op may be.
_SYNAPSES: dict[str, tuple[type, ...]] = {"conv": (Conv3,), "linear": (Dense, Pointwise), "head": (Head,)}


def _check(op: GraphOp) -> None:
    """FactoryError for the first module of a kind that cannot be quantised."""

    def must_be(what: str, module: object, *kinds: type) -> None:
        if not isinstance(module, kinds):
            allowed = " or ".join(kind.__name__ for kind in kinds)
            raise FactoryError(f"{op.name}: its {what} is a {type(module).__name__}; allowed is {allowed}")

    if op.kind in _SYNAPSES:
        must_be("synapse", op.module, *_SYNAPSES[op.kind])
    if op.kind in ("conv", "linear", "attention"):
        must_be("neuron", op.neuron, LIF)
    if op.norm is not None:
        must_be("norm", op.norm, nn.BatchNorm1d, nn.BatchNorm2d)
    if op.kind == "select":
        must_be("selector", op.module, TokenSelector)
    if op.shortcut is not None:
        must_be("shortcut", op.shortcut[1], Shortcut)
        if op.norm is not None:
            raise FactoryError(f"{op.name}: a shortcut cannot meet the sums behind a norm in integers; leave it out")


def _check_sharing(ops: Iterable[GraphOp]) -> None:
    """FactoryError where two ops share a module: each is pruned, quantised and measured as its op's own."""
    owners: dict[int, str] = {}
    for op in ops:
        branch = None if op.shortcut is None else op.shortcut[1]
        synapse = "selector" if op.kind == "select" else "synapse"
        for what, module in ((synapse, op.module), ("norm", op.norm), ("neuron", op.neuron), ("shortcut", branch)):
            if module is not None and owners.setdefault(id(module), op.name) != op.name:
                raise FactoryError(f"{op.name}: its {what} is also that of {owners[id(module)]}; each op needs its own")


def _check_use(network: SpikingNetwork) -> None:
    """FactoryError for weights that no op has: they would count, and be searched, without being in the package."""
    used = {f"{path}.weight" for s in synapses(network) for path in (s.path, s.shortcut)}
    for name in prunable(network):
        if name not in used:
            raise FactoryError(f"{name}: no op of the network's graph has these weights; remove or describe them")


def check_network(network: SpikingNetwork, factory: str) -> None:
    """FactoryError where the network of ``factory`` cannot tell its size or graph, or holds what is not known here."""
    try:
        tuple(network.size)
        ops = graph_of(network).ops
        for op in ops:
            _check(op)
        _check_sharing(ops)
        _check_use(network)
    except NotImplementedError:
        raise FactoryError(f"factory {factory!r}: its network must have a size and describe its graph") from None
    except Exception as error:
        text = " ".join(str(error).split())
        kind = "" if isinstance(error, FactoryError) else f"{type(error).__name__}: "
        raise FactoryError(f"factory {factory!r}: {kind}{text}") from None
