"""What a network would cost: the shapes of the layers in its graph, told to the cost model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from spikewright.compress.methods.quantise import SHORTCUT_FORMAT, QuantFormat, QuantHead, Quantised, QuantShortcut
from spikewright.compress.methods.selector_controls import FiringRateSelector
from spikewright.compress.methods.tokens import HIDDEN_TOP, QuantSelector, TokenSelector
from spikewright.cost.description import Description, Matrix, described_gains
from spikewright.cost.rom import parameter_bits
from spikewright.cost.shape import signed_bits
from spikewright.cost.storage import Compression, compression
from spikewright.cost.work import Layer
from spikewright.cost.workload import Workload, workload
from spikewright.models.graph import IMAGE, GraphOp, SpikingNetwork, graph_of
from spikewright.models.layers import Shortcut
from spikewright.models.neurons import LIF


class _Shapes:
    """Matrices of a network's layers as shapes, of what they hold or of what they will hold."""

    def __init__(self, network: SpikingNetwork, formats: Mapping[str, QuantFormat] | None) -> None:
        self.formats = formats
        self.paths = {id(module): path for path, module in network.named_modules()}

    def matrix(self, synapse: nn.Module, sign: Tensor | None = None, parameters: int = 0) -> Matrix:
        """The matrix of a synapse as a shape.

        sign: ``[out]``, 0 where a channel is constant, whatever its weights; they are not stored. parameters: bits of
        its widest bias or threshold.
        """
        weight = cast(Tensor, synapse.weight)
        fmt: QuantFormat | None = None
        if isinstance(synapse, Quantised | QuantShortcut):
            fmt, weight = synapse.fmt, synapse.integer_codes()
        elif self.formats is not None:
            fmt = self.formats[self.paths[id(synapse)]]
        if sign is not None:
            weight = weight * sign.reshape(-1, *([1] * (weight.dim() - 1)))
        return _shape(weight, fmt, parameters)

    def layer(self, op: GraphOp) -> Matrix:
        """Of a layer with neurons."""
        if not isinstance(op.module, Quantised):
            return self.matrix(op.part)
        folded = op.module.fold(cast(nn.BatchNorm1d, op.norm), op.fires)
        return self.matrix(op.module, folded.sign, _parameter_bits(folded.bias, folded.threshold))

    def shortcut(self, branch: nn.Module) -> Matrix:
        """Its format is fixed; of the identity a digit a channel, as long as its gains are not known."""
        if branch.weight is None:
            known = isinstance(branch, QuantShortcut)
            gains = branch.whole_gain().long().tolist() if known else [1] * cast(Shortcut, branch).outputs
            return described_gains(gains)
        if isinstance(branch, QuantShortcut) or self.formats is None:
            return self.matrix(branch)
        return _shape(cast(Tensor, branch.weight), SHORTCUT_FORMAT)

    def score(self, selector: TokenSelector) -> tuple[Matrix, int, int]:
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
            bits = _parameter_bits(selector.score_bias())
            return (
                self.matrix(selector.score, parameters=bits),
                signed_bits(min(low, 0), max(high, 0)),
                int(selector.shift),
            )
        if self.formats is None:
            return self.matrix(selector.score), 0, 0
        fmt, weight = self.formats[self.paths[id(selector.score)]], selector.score.weight
        matrix = _shape(weight[:1] - weight[1:], fmt)
        bound = (HIDDEN_TOP * fmt.top * matrix.kept) << fmt.fraction_bits
        return matrix, signed_bits(-bound, bound), 0


def _parameter_bits(biases: Tensor, thresholds: Tensor | None = None) -> int:
    return parameter_bits(biases.long().tolist(), () if thresholds is None else thresholds.long().tolist())


def _shape(weight: Tensor, fmt: QuantFormat | None, parameters: int = 0) -> Matrix:
    outputs, inputs = weight.shape[:2]
    kept = int(weight.count_nonzero())
    taps = weight.numel() // (inputs * outputs)
    if fmt is None:
        return Matrix(outputs, inputs, kept, taps)
    return Matrix(outputs, inputs, kept, taps, fmt.scheme, fmt.bits, fmt.fraction_bits, parameters)


def _tell(description: Description, op: GraphOp, shapes: _Shapes, bound: dict[str, int]) -> None:
    """Tell the cost model one op.

    bound: the greatest value of what was told before, and now of this op.
    """
    bound[op.name] = 1
    if op.kind == "conv":
        shortcut = None if op.shortcut is None else (op.shortcut[0], shapes.shortcut(op.shortcut[1]))
        description.conv(op.name, op.reads[0], shapes.layer(op), shortcut)
    elif op.kind == "linear":
        description.linear(op.name, op.reads[0], shapes.layer(op))
    elif op.kind == "pool":
        bound[op.name] = bound[op.reads[0]] * (4 if op.function == "count" else 1)
        description.pool(op.name, op.reads[0], op.function, planes=bound[op.name].bit_length())
    elif op.kind == "add":
        total = sum(bound[name] for name in op.reads)
        bound[op.name] = total if op.limit is None else min(total, op.limit)
        description.add(op.name, *op.reads, planes=bound[op.name].bit_length())
    elif op.kind == "attention":
        levels = torch.as_tensor(cast(LIF, op.neuron).levels()).round().reshape(-1)
        bits = parameter_bits((), levels.long().tolist())
        description.attention(op.name, *op.reads, heads=op.heads, parameter_bits=bits)
    elif op.kind == "select":
        bound[op.name] = bound[op.reads[0]]
        _tell_selector(description, op, shapes)
    else:
        head = op.part
        bits = _parameter_bits(head.integer_bias()) if isinstance(head, QuantHead) else 0
        description.head(op.name, op.reads[0], shapes.matrix(head, parameters=bits))


def _tell_selector(description: Description, op: GraphOp, shapes: _Shapes) -> None:
    selector = op.part
    assert isinstance(selector, TokenSelector | FiringRateSelector)
    if not isinstance(selector, TokenSelector):
        description.select(op.name, op.reads[0], keep=selector.keep, mlp=None)
        return
    bits = _parameter_bits(selector.hidden_bias()) if isinstance(selector, QuantSelector) else 0
    hidden = shapes.matrix(selector.hidden, parameters=bits)
    score, bits, shift = shapes.score(selector)
    description.select(op.name, op.reads[0], keep=selector.keep, mlp=(hidden, score), shift=shift, score_bits=bits)


def workload_of(
    network: SpikingNetwork,
    input_bits: int = 8,
    *,
    frames: bool = False,
    formats: Mapping[str, QuantFormat] | None = None,
) -> Workload:
    """Layers and copies of the network in the engine's order.

    input_bits: of an image code; frames: each step has an image of its own. Quantised layers count with their own
    codes, but those of constant channels, which are not stored; other weights count 32 bits. formats: of layers that
    are not quantised yet, by their modules' paths, as they will be: then a shortcut has its fixed format, and a token
    selector's score one row.
    """
    size = network.size
    description = Description(
        (size.height, size.width, size.channels), planes=input_bits, steps=size.steps, still=not frames,
        leaks=any(_leaks(op.neuron) for op in graph_of(network).ops if op.neuron is not None),
    )  # fmt: skip
    with torch.no_grad():
        shapes, bound = _Shapes(network, formats), {IMAGE: 2**input_bits - 1}
        for op in graph_of(network).ops:
            _tell(description, op, shapes, bound)
    return workload(description)


def _leaks(neuron: nn.Module) -> bool:
    """Whether a neuron leaks otherwise than by half, so far as that is known; an ANN's does not leak."""
    if not isinstance(neuron, LIF):
        return False
    try:
        return bool((neuron.sixteenths() != 8).any())
    except ValueError:  # not on the grid yet
        return True


def compression_of(
    network: SpikingNetwork, dense: SpikingNetwork, input_bits: int = 8, *, frames: bool = False
) -> Compression:
    """How much smaller the network is than the dense one, in three numbers; arguments as in ``workload_of``."""
    total = sum(layer.weights for layer in layers_of(dense, input_bits, frames=frames))
    return compression(layers_of(network, input_bits, frames=frames), total=total)


def layers_of(
    network: SpikingNetwork,
    input_bits: int = 8,
    *,
    frames: bool = False,
    formats: Mapping[str, QuantFormat] | None = None,
) -> list[Layer]:
    """The network's layers in execution order, as counts; arguments as in ``workload_of``.

    Every layer is computed T times, the first on a still image too: so do the papers count (``macs``).
    """
    return workload_of(network, input_bits, frames=frames, formats=formats).layers
