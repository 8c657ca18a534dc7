"""Whether every number that a network can come to fits into 64 bits, whatever the image.

The bound of a sum is the greatest row sum of |weights| times the greatest |input|. With the sizes that packages may
have no sum reaches 2**53; what steps, tokens and fraction bits make of it is checked here.
"""

from collections.abc import Mapping

import numpy as np

from spikewright.echo import quoted
from spikewright.models.package_check import Array, PackageError, shapes
from spikewright.models.package_limits import NUMBER_BITS
from spikewright.models.package_schema import (
    IMAGE,
    AddOp,
    AttentionOp,
    ConvOp,
    HeadOp,
    LinearOp,
    Network,
    PoolOp,
    Scheme,
    SelectOp,
    WeightFormat,
)

#: Greatest hidden value of a token selector.
_HIDDEN = 255


def check_range(network: Network, tensors: Mapping[str, Array]) -> None:
    """PackageError where a membrane, a selector's sum or a class score could reach 2**58, for tensors that fit."""
    values, steps = shapes(network), network.steps
    peaks = {IMAGE: int(np.abs(tensors["input.table"].astype(np.int64)).max())}  # of |element|, by value
    for op in network.ops:
        first = peaks[op.reads[0]]
        tokens = values[op.reads[0]].tokens
        peaks[op.name] = 1  # spikes
        if isinstance(op, PoolOp):
            peaks[op.name] = 1 if op.function == "or" else 4
        elif isinstance(op, AddOp):
            total = first + peaks[op.inputs[1]]
            peaks[op.name] = total if op.limit is None else min(total, op.limit)
        elif isinstance(op, ConvOp | LinearOp | AttentionOp):
            if isinstance(op, AttentionOp):
                sums = tokens * values[op.query].channels // op.heads
            else:
                sums = _sums(tensors, op, peaks)
            current = (sums << op.neuron.fraction_bits) + _peak(tensors[f"{op.name}.bias"])
            _need(op.name, "membrane", steps * (current + 1))
        elif isinstance(op, HeadOp):
            score = (_rows(tensors, op.name, op.weights) * first).max()
            bias = _peak(tensors[f"{op.name}.bias"])
            _need(op.name, "class score", steps * tokens * ((int(score) << op.fraction_bits) + bias))
        elif isinstance(op, SelectOp):
            peaks[op.name] = first
            for part, layer, terms, inputs in (("hidden", op.hidden, steps, first), ("score", op.score, 1, _HIDDEN)):
                sums = int(_rows(tensors, f"{op.name}.{part}", layer.weights).max()) * inputs
                bias = _peak(tensors[f"{op.name}.{part}.bias"])
                _need(op.name, f"{part} sum", terms * ((sums << layer.fraction_bits) + bias))


def _sums(tensors: Mapping[str, Array], op: ConvOp | LinearOp, peaks: Mapping[str, int]) -> int:
    sums = _rows(tensors, op.name, op.weights) * peaks[op.input]
    if isinstance(op, ConvOp) and op.shortcut is not None:
        form, name = op.shortcut.weights, f"{op.name}.shortcut"
        gains = np.abs(tensors[f"{name}.gain"].astype(np.int64)) if form is None else _rows(tensors, name, form)
        sums = sums + gains * peaks[op.shortcut.input]
    return int(sums.max())


def _rows(tensors: Mapping[str, Array], name: str, form: WeightFormat) -> Array:
    """Sum of |weight| of every output, int64 [out]."""
    codes = tensors[f"{name}.codes"]
    magnitude = np.minimum(np.arange(256), 256 - np.arange(256))  # of the byte that a code is
    if form.scheme is Scheme.POT:
        magnitude = np.where(magnitude > 0, 1 << np.clip(magnitude - 1, 0, 6), 0)
    weights = magnitude.astype(np.uint8)[np.ascontiguousarray(codes).view(np.uint8)]
    return np.asarray(weights.reshape(len(codes), -1).sum(axis=1, dtype=np.int64))


def _peak(tensor: Array) -> int:
    return int(np.abs(tensor.astype(np.int64)).max())


def _need(name: str, quantity: str, bound: int) -> None:
    if bound >> NUMBER_BITS:
        raise PackageError(
            f"op {quoted(name)}: its {quantity} could reach 2^{bound.bit_length() - 1}; allowed is below "
            f"2^{NUMBER_BITS}: give it fewer fraction bits, smaller biases or fewer steps"
        )
