"""Whether compression knows what a user's network is made of: asked once, before anything is trained."""

from __future__ import annotations

from torch import nn

from spikewright.compress.factory import FactoryError
from spikewright.compress.synapses import synapses
from spikewright.models.graph import Builder, Norm, SpikingNetwork
from spikewright.models.layers import Conv3, Dense, Pointwise, Shortcut
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Head


class _Parts(Builder):
    """Listens to a network and refuses the first module of a kind that cannot be quantised."""

    def _must_be(self, op: str, what: str, module: object, *kinds: type) -> None:
        if not isinstance(module, kinds):
            allowed = " or ".join(kind.__name__ for kind in kinds)
            raise FactoryError(f"{op}: its {what} is a {type(module).__name__}; allowed is {allowed}")

    def _layer(self, op: str, synapse: nn.Module, norm: Norm | None, neuron: LIF, *kinds: type) -> str:
        self._must_be(op, "synapse", synapse, *kinds)
        self._must_be(op, "neuron", neuron, LIF)
        if norm is not None:
            self._must_be(op, "norm", norm, nn.BatchNorm1d, nn.BatchNorm2d)
        return op

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
        if shortcut is not None:
            self._must_be(name, "shortcut", shortcut[1], Shortcut)
        return self._layer(name, synapse, norm, neuron, Conv3)

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        return self._layer(name, synapse, norm, neuron, Dense, Pointwise)

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        self._must_be(name, "neuron", neuron, LIF)
        return name

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        self._must_be(name, "synapse", synapse, Head)
        return name


def check_network(network: SpikingNetwork, factory: str) -> None:
    """FactoryError where the network of ``factory`` cannot tell its size or graph, or holds what is not known here."""
    try:
        tuple(network.size)
        network.describe(_Parts())
        synapses(network)
    except NotImplementedError:
        raise FactoryError(f"factory {factory!r}: its network must have a size and describe its graph") from None
    except Exception as error:
        text = " ".join(str(error).split())
        kind = "" if isinstance(error, FactoryError) else f"{type(error).__name__}: "
        raise FactoryError(f"factory {factory!r}: {kind}{text}") from None
