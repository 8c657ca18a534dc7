"""Whether every number that a network can come to fits 63 bits, whatever the image: intervals in Python's integers.

A term of a sum lies between its bounds or is absent, so all bounds hold 0, and so do partial sums in any order. Spikes
reset a membrane towards 0, so its bounds are those without any.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from spikewright.echo import quoted
from spikewright.models.package_check import Array, PackageError, shapes
from spikewright.models.package_limits import NUMBER_BITS
from spikewright.models.package_schema import (
    IMAGE,
    AddOp,
    AttentionOp,
    Compare,
    ConvOp,
    HeadOp,
    LinearOp,
    Network,
    NeuronFormat,
    PoolOp,
    Scheme,
    SelectOp,
    WeightFormat,
)


class Extent(NamedTuple):
    """Least and greatest integer: of a value each int64 [C] or [1], of what is made of it object [C]."""

    low: Array
    high: Array


#: What a hidden value of a token selector can be.
_HIDDEN = Extent(np.array([0]), np.array([255]))


def check_range(network: Network, tensors: Mapping[str, Array]) -> None:
    """PackageError where a membrane, times 16, a selector's sum or a class score needs more bits than allowed.

    For a network and tensors that fit each other.
    """
    values, steps = shapes(network), network.steps
    table = tensors["input.table"].astype(np.int64)
    bounds = {IMAGE: Extent(np.minimum(table.min(axis=1), 0), np.maximum(table.max(axis=1), 0))}
    for op in network.ops:
        first = bounds[op.reads[0]]
        tokens = values[op.reads[0]].tokens
        bounds[op.name] = _up_to(1)
        if isinstance(op, PoolOp):
            bounds[op.name] = _up_to(1 if op.function == "or" else 4)
        elif isinstance(op, AddOp):
            total = int(first.high.max()) + int(bounds[op.inputs[1]].high.max())
            bounds[op.name] = _up_to(total if op.limit is None else min(total, op.limit))
        elif isinstance(op, ConvOp | LinearOp | AttentionOp):
            if isinstance(op, AttentionOp):
                channels = np.zeros(values[op.value].channels, np.int64)
                sums = Extent(channels, channels + tokens * (values[op.query].channels // op.heads))
            else:
                sums = _sums(tensors, op, bounds)
            current = _current(sums, op.neuron.fraction_bits, tensors[f"{op.name}.bias"])
            _need(op.name, "membrane, times 16,", *_membrane(current, op.neuron, tensors.get(f"{op.name}.leak"), steps))
        elif isinstance(op, HeadOp):
            sums = _weighted(tensors, op.name, op.weights, first)
            current = _current(sums, op.fraction_bits, tensors[f"{op.name}.bias"])
            _need(op.name, "class score", *(steps * tokens * side for side in _hull(current)))
        elif isinstance(op, SelectOp):
            bounds[op.name] = first
            for part, layer, terms, x in (("hidden", op.hidden, steps, first), ("score", op.score, 1, _HIDDEN)):
                sums = _weighted(tensors, f"{op.name}.{part}", layer.weights, x)
                current = _current(sums, layer.fraction_bits, tensors[f"{op.name}.{part}.bias"])
                _need(op.name, f"{part} sum", *(terms * side for side in _hull(current)))


def _up_to(high: int) -> Extent:
    return Extent(np.array([0]), np.array([high]))


def _hull(bounds: Extent) -> tuple[int, int]:
    return min(0, int(bounds.low.min())), max(0, int(bounds.high.max()))


def _current(sums: Extent, fraction_bits: int, bias: Array) -> Extent:
    """What one step adds, by channel, in Python's integers."""
    low, high = ((side.astype(object) << fraction_bits) + bias.astype(object) for side in sums)
    return Extent(low, high)


def _membrane(current: Extent, neuron: NeuronFormat, leaks: Array | None, steps: int) -> tuple[int, int]:
    """16 times the membrane's bounds; of channels with one leak only the least and the greatest current count."""
    of_channel = np.full(len(current.low), neuron.leak) if leaks is None else leaks
    least = greatest = 0
    for leak in np.unique(of_channel).tolist():
        alike = of_channel == leak
        most_down, most_up = int(current.low[alike].min()), int(current.high[alike].max())
        low = high = 0
        for _ in range(steps):
            low, high = _kept(neuron, leak, min(low, 0)) + most_down, _kept(neuron, leak, max(high, 0)) + most_up
            least, greatest = min(least, low), max(greatest, high)
    return 16 * least, 16 * greatest


def _kept(neuron: NeuronFormat, leak: int, u: int) -> int:
    return leak * u >> 4 if neuron.compare is Compare.GE else -(-leak * u >> 4)


def _sums(tensors: Mapping[str, Array], op: ConvOp | LinearOp, bounds: Mapping[str, Extent]) -> Extent:
    sums = _weighted(tensors, op.name, op.weights, bounds[op.input])
    if not isinstance(op, ConvOp) or op.shortcut is None:
        return sums
    form, name, joined = op.shortcut.weights, f"{op.name}.shortcut", bounds[op.shortcut.input]
    if form is not None:
        more = _weighted(tensors, name, form, joined)
    else:
        gain = tensors[f"{name}.gain"].astype(np.int64)
        up, down = np.maximum(gain, 0), np.minimum(gain, 0)
        more = Extent(up * joined.low + down * joined.high, up * joined.high + down * joined.low)
    return Extent(sums.low + more.low, sums.high + more.high)


def _weighted(tensors: Mapping[str, Array], name: str, form: WeightFormat, x: Extent) -> Extent:
    """Extent of every output's sum, int64 [out]: far below 2**53, as large as packages may be."""
    up, down = _sides(tensors[f"{name}.codes"], form, by_input=len(x.low) > 1)
    return Extent(up @ x.low + down @ x.high, up @ x.high + down @ x.low)


def _sides(codes: Array, form: WeightFormat, *, by_input: bool) -> tuple[Array, Array]:
    """Sums of the weights above and below 0 of every output, int64 [out, in], or [out, 1] over all inputs."""
    byte = np.arange(256)  # as a code lies in the file
    magnitude = np.minimum(byte, 256 - byte)
    if form.scheme is Scheme.POT:
        magnitude = np.where(magnitude > 0, 1 << np.clip(magnitude - 1, 0, 6), 0)
    weights = magnitude.astype(np.uint8)[np.ascontiguousarray(codes).view(np.uint8)]
    sides = (weights * (codes > 0), weights * (codes < 0))
    rows = (len(codes), codes.shape[1], -1) if by_input else (len(codes), 1, -1)
    up, down = (side.reshape(rows).sum(axis=2, dtype=np.int64) for side in sides)
    return up, -down


def _need(name: str, quantity: str, low: int, high: int) -> None:
    bits = 1 + max((-low - 1).bit_length() if low < 0 else 0, high.bit_length())
    if bits > NUMBER_BITS:
        raise PackageError(
            f"op {quoted(name)}: its {quantity} needs {bits} bits, at most {NUMBER_BITS}: give it fewer fraction bits, "
            "smaller biases or fewer steps"
        )
