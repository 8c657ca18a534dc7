"""Values of a NIR graph, and the sums that synapses make of them, before a neuron or a head takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spikewright.compress.checkpoint.nir_graph import Array, Floats, NirNode, node_error
from spikewright.compress.checkpoint.nir_neurons import MapShape, array_of
from spikewright.echo import quoted

#: Why a matrix over a map of pixels is refused, and what helps.
PIXELS = (
    "weighs the pixels of a flattened map each by its own weights; a package holds one matrix for all pixels: pool the "
    "map to 1x1 in front of Flatten (AvgPool2d or SumPool2d, 2x2), or train with a mean over the pixels"
)


@dataclass(frozen=True, eq=False)
class NirValue:
    """What an op makes, or the image; factor: float64 [C], what one unit of it is worth in the source's network.

    grid: it has pixels that a conv or a pool can read; spikes: it is 0 or 1.
    """

    name: str
    shape: MapShape
    factor: Floats
    grid: bool = True
    spikes: bool = False


@dataclass(frozen=True, eq=False)
class Term:
    """A value through weights: of a 3×3 convolution ``[out, in, 3, 3]``, a matrix ``[out, in]``, a gain ``[out]``.

    node: that has them, or that is met without any.
    """

    node: str
    source: NirValue
    weight: Floats

    def times(self, gain: Floats) -> Term:
        """The term, each channel that it makes multiplied."""
        return Term(self.node, self.source, self.weight * gain.reshape(-1, *([1] * (self.weight.ndim - 1))))


@dataclass(frozen=True, eq=False)
class MembraneSums:
    """What meets in front of a neuron: terms and a bias ``[out]``; pooled: of all pixels together, as a head reads."""

    terms: tuple[Term, ...]
    bias: Floats
    shape: MapShape
    pooled: bool = False

    def times(self, gain: Floats) -> MembraneSums:
        """The sums, each channel multiplied."""
        return MembraneSums(tuple(term.times(gain) for term in self.terms), self.bias * gain, self.shape, self.pooled)


def as_matrix(weight: Floats) -> Floats:
    """Weights of a gain as a matrix; others as they are."""
    return np.diag(weight) if weight.ndim == 1 else weight


def as_conv(weight: Floats) -> Floats:
    """Weights of a gain or a matrix in the middle of a 3×3 convolution; others as they are."""
    weight = as_matrix(weight)
    return weight if weight.ndim == 4 else np.pad(weight[:, :, None, None], ((0, 0), (0, 0), (1, 1), (1, 1)))


def merged(terms: Iterable[Term]) -> list[Term]:
    """One term for each value: weights that read the same one are added."""
    by_source: dict[str, Term] = {}
    for term in terms:
        if (other := by_source.get(term.source.name)) is not None:
            rank = max(other.weight.ndim, term.weight.ndim)
            raised = as_conv if rank == 4 else as_matrix if rank == 2 else np.asarray
            term = Term(other.node, term.source, raised(other.weight) + raised(term.weight))
        by_source[term.source.name] = term
    return list(by_source.values())


def identity(node: str, value: NirValue) -> MembraneSums:
    """A value as it meets a node without weights."""
    return MembraneSums((Term(node, value, value.factor),), np.zeros(value.shape.channels), value.shape)


def synapse(name: str, node: NirNode, value: NirValue) -> MembraneSums:
    """The sums of a Conv2d, Linear or Affine; CheckpointError where a package cannot hold its weights."""
    weight = array_of(name, node, "weight").astype(np.float64)
    if not weight.size:
        raise node_error(name, "has no weights")
    made = _conv(name, node, weight, value) if node.kind == "Conv2d" else _matrix(name, weight, value)
    bias = np.zeros(len(weight))
    if "bias" in node.arrays or node.kind == "Affine":
        given = array_of(name, node, "bias").astype(np.float64)
        if given.size != 1 and given.shape != bias.shape:
            raise node_error(name, f"its bias has shape {_axes(given)}; allowed is {len(bias)}")
        bias = bias + given.reshape(-1)
    return MembraneSums(made.terms, bias, made.shape, made.pooled)


def _matrix(name: str, weight: Floats, value: NirValue) -> MembraneSums:
    shape, outputs = value.shape, len(weight)
    if weight.ndim != 2:
        raise node_error(name, f"its weight has shape {_axes(weight)}; allowed are two axes, out and in")
    if not shape.flat:
        raise node_error(name, f"reads {shape}; allowed is one axis: put a Flatten in front of it")
    if weight.shape[1] != shape.channels * shape.pixels:
        raise node_error(name, f"reads {shape}, but its weight is {_axes(weight)}; they do not chain")
    by_pixel = weight.reshape(outputs, shape.channels, shape.pixels)
    if (by_pixel != by_pixel[:, :, :1]).any():
        raise node_error(name, PIXELS)
    # a head reads the mean over pixels, where this is their sum
    term = Term(name, value, by_pixel[:, :, 0] * shape.pixels * value.factor)
    return MembraneSums((term,), np.zeros(outputs), MapShape(outputs, 1, 1, flat=True), shape.pixels > 1)


def _conv(name: str, node: NirNode, weight: Floats, value: NirValue) -> MembraneSums:
    shape = value.shape
    if weight.ndim != 4 or weight.shape[2:] not in ((3, 3), (1, 1)):
        raise node_error(name, f"its weight has shape {_axes(weight)}; allowed are kernels of 3x3 and 1x1")
    size = weight.shape[2]
    around = {"same": (size // 2, size // 2), "valid": (0, 0)}.get(node.texts.get("padding", ""))
    found = {
        "stride": pair(name, node, "stride"),
        "padding": pair(name, node, "padding") if around is None else around,
        "dilation": pair(name, node, "dilation"),
    }
    for what, allowed in (("stride", 1), ("padding", size // 2), ("dilation", 1)):
        if found[what] != (allowed, allowed) and not (what == "dilation" and size == 1):
            raise node_error(
                name, f"its {what} is {found[what]}; allowed is {allowed} where the kernel is {size}x{size}"
            )
    if (groups := array_of(name, node, "groups")).size != 1 or int(groups.reshape(-1)[0]) != 1:
        raise node_error(name, f"has {_numbers(groups)} groups; allowed is 1")
    if shape.flat or weight.shape[1] != shape.channels:
        raise node_error(name, f"reads {shape}, but its weight is {_axes(weight)}; they do not chain")
    if "input_shape" in node.arrays and pair(name, node, "input_shape") != (shape.height, shape.width):
        told = "x".join(map(str, pair(name, node, "input_shape")))
        raise node_error(name, f"its input_shape is {told}, but it reads {shape}; they do not chain")
    read = weight * value.factor[:, None, None]
    term = Term(name, value, read if size == 3 else read[:, :, 0, 0])
    return MembraneSums((term,), np.zeros(len(weight)), MapShape(len(weight), shape.height, shape.width))


def pair(name: str, node: NirNode, what: str) -> tuple[int, int]:
    """Rows and columns of a parameter that may be one number for both."""
    given = array_of(name, node, what).reshape(-1)
    if given.size not in (1, 2) or (given != given.astype(np.int64)).any():
        raise node_error(name, f"its {what} is {_numbers(given)}; allowed are two whole numbers, of rows and columns")
    return int(given[0]), int(given[-1])


def _axes(array: Array) -> str:
    return "x".join(map(str, array.shape)) or "of no axis"


def _numbers(array: Array) -> str:
    return quoted(array.reshape(-1).tolist())
