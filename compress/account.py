"""What a network would cost: it tells its graph, and the shapes of its layers are written down for the cost model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from spikewright.compress.quantise import SHORTCUT_FORMAT, Quantised, QuantShortcut, WeightFormat
from spikewright.compress.selector_controls import FiringRateSelector
from spikewright.compress.tokens import HIDDEN_TOP, QuantSelector, TokenSelector
from spikewright.cost.description import Description, Matrix
from spikewright.cost.shape import signed_bits
from spikewright.cost.work import Layer
from spikewright.cost.workload import Workload, workload
from spikewright.models.graph import IMAGE, Builder, Norm, SpikingNetwork
from spikewright.models.neurons import LIF


class _Account(Builder):
    """Listens to a network (:class:`spikewright.models.graph.Builder`) and tells it on as shapes."""

    def __init__(
        self, network: SpikingNetwork, told: Description, input_bits: int, formats: Mapping[str, WeightFormat] | None
    ) -> None:
        self.told, self.formats = told, formats
        self.paths = {id(module): path for path, module in network.named_modules()}
        self.bound = {IMAGE: 2**input_bits - 1}  # greatest value

    def _matrix(self, synapse: nn.Module, sign: Tensor | None = None) -> Matrix:
        """``sign [out]``: 0 where a channel is constant, whatever its weights; they are not stored."""
        weight = cast(Tensor, synapse.weight)
        fmt: WeightFormat | None = None
        if isinstance(synapse, Quantised | QuantShortcut):
            fmt, weight = synapse.fmt, synapse.integer_codes()
        elif self.formats is not None:
            fmt = self.formats[self.paths[id(synapse)]]
        if sign is not None:
            weight = weight * sign.reshape(-1, *([1] * (weight.dim() - 1)))
        return self._shape(weight, fmt)

    def _shape(self, weight: Tensor, fmt: WeightFormat | None) -> Matrix:
        outputs, inputs = weight.shape[:2]
        kept = int(weight.count_nonzero())
        taps = weight.numel() // (inputs * outputs)
        if fmt is None:
            return Matrix(outputs, inputs, kept, taps)
        return Matrix(outputs, inputs, kept, taps, fmt.scheme, fmt.bits, fmt.fraction_bits)

    def _sign(self, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> Tensor | None:
        return synapse.fold(cast(nn.BatchNorm1d, norm), neuron).sign if isinstance(synapse, Quantised) else None

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
        self.told.conv(name, source, self._matrix(synapse, self._sign(synapse, norm, neuron)))
        self.bound[name] = 1
        if shortcut is not None and getattr(shortcut[1], "weight", None) is not None:
            self._shortcut(f"{name}.shortcut", *shortcut)
        return name

    def _shortcut(self, name: str, source: str, branch: nn.Module) -> None:
        if isinstance(branch, QuantShortcut) or self.formats is None:
            matrix = self._matrix(branch)
        else:
            matrix = self._shape(cast(Tensor, branch.weight), SHORTCUT_FORMAT)
        self.told.shortcut(name, source, matrix)

    def linear(self, name: str, source: str, synapse: nn.Module, norm: Norm | None, neuron: LIF) -> str:
        self.told.linear(name, source, self._matrix(synapse, self._sign(synapse, norm, neuron)))
        self.bound[name] = 1
        return name

    def pool(self, name: str, source: str, *, function: Literal["or", "count"] = "or") -> str:
        self.bound[name] = self.bound[source] * (4 if function == "count" else 1)
        self.told.pool(name, source, planes=self.bound[name].bit_length())
        return name

    def add(self, name: str, stream: str, spikes: str, *, limit: int | None = None) -> str:
        total = self.bound[stream] + self.bound[spikes]
        self.bound[name] = total if limit is None else min(total, limit)
        self.told.add(name, stream, spikes, planes=self.bound[name].bit_length())
        return name

    def attention(self, name: str, query: str, key: str, value: str, *, heads: int, neuron: LIF) -> str:
        self.told.attention(name, query, key, value, heads=heads)
        self.bound[name] = 1
        return name

    def select(self, name: str, source: str, selector: nn.Module) -> str:
        assert isinstance(selector, TokenSelector | FiringRateSelector)
        self.bound[name] = self.bound[source]
        if not isinstance(selector, TokenSelector):
            self.told.select(name, source, keep=selector.keep, mlp=None)
            return name
        hidden = self._matrix(selector.hidden)
        score, bits, shift = self._score(selector)
        self.told.select(name, source, keep=selector.keep, mlp=(hidden, score), shift=shift, score_bits=bits)
        return name

    def _score(self, selector: TokenSelector) -> tuple[Matrix, int, int]:
        """The score layer, bits of a score, and the hidden sums' shift. Of integers, one row is left: the difference.

        Until there are codes, weights are taken to lie at their format's limit.
        """
        if isinstance(selector, QuantSelector):
            row = cast(Quantised, selector.score)
            values = row.fmt.values(row.integer_codes()).long()
            bias = int(selector.score_bias())
            low, high = (
                ((HIDDEN_TOP * int(part.sum())) << row.fmt.fraction_bits) + bias
                for part in (values.clamp(max=0), values.clamp(min=0))
            )
            return self._matrix(selector.score), signed_bits(min(low, 0), max(high, 0)), int(selector.shift)
        if self.formats is None:
            return self._matrix(selector.score), 0, 0
        fmt, weight = self.formats[self.paths[id(selector.score)]], selector.score.weight
        matrix = self._shape(weight[:1] - weight[1:], fmt)
        bound = (HIDDEN_TOP * fmt.top * matrix.kept) << fmt.fraction_bits
        return matrix, signed_bits(-bound, bound), 0

    def head(self, name: str, source: str, synapse: nn.Module) -> str:
        self.told.head(name, source, self._matrix(synapse))
        return name


def workload_of(
    network: SpikingNetwork,
    input_bits: int = 8,
    *,
    frames: bool = False,
    formats: Mapping[str, WeightFormat] | None = None,
) -> Workload:
    """Layers and copies of the network in the engine's order.

    input_bits: of an image code; frames: each step has an image of its own. Quantised layers count with their own
    codes, but those of constant channels, which are not stored; other weights count 32 bits. formats: of layers that
    are not quantised yet, by their modules' paths, as they will be: then a shortcut has its fixed format, and a token
    selector's score one row.
    """
    size = network.size
    told = Description((size.height, size.width, size.channels), planes=input_bits, steps=size.steps, still=not frames)
    with torch.no_grad():
        network.describe(_Account(network, told, input_bits, formats))
    return workload(told)


def layers_of(
    network: SpikingNetwork,
    input_bits: int = 8,
    *,
    frames: bool = False,
    formats: Mapping[str, WeightFormat] | None = None,
) -> list[Layer]:
    """The network's layers in execution order, as counts; arguments as in :func:`workload_of`.

    Every layer is computed T times, the first on a still image too: so do the papers count (``macs``).
    """
    return workload_of(network, input_bits, frames=frames, formats=formats).layers
