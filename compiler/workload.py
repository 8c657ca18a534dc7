"""Workload of a graph: what the cost model is told of it, and lists by a first placement."""

from __future__ import annotations

import numpy as np

from spikewright.cost.description import Description, Matrix
from spikewright.cost.rom import Lists, parameter_bits
from spikewright.cost.shape import Shape
from spikewright.cost.workload import Workload, workload

from .ir import Add, Attention, Conv, Graph, Head, Linear, Neuron, Pool, Select, Weights


def workload_of(graph: Graph, fraction_bits: int = 0) -> Workload:
    """Layers and copies of a graph whose planes are filled in; fraction_bits: at least so many on the engine's grid."""
    image, planes = graph.image, {name: value.planes for name, value in graph.values.items()}
    grids = [op.neuron.fraction_bits for op in graph.ops if isinstance(op, Attention)]
    told = Description(
        (image.height, image.width, image.channels), planes=planes["input"], steps=graph.steps,
        fraction_bits=max(fraction_bits, *grids, 0),
    )  # fmt: skip
    for op in graph.ops:
        source = op.inputs[0]
        if isinstance(op, Conv):
            told.conv(op.name, source, _matrix(op.weights, op.neuron.fraction_bits, _parameters(op.neuron)))
        elif isinstance(op, Linear):
            told.linear(op.name, source, _matrix(op.weights, op.neuron.fraction_bits, _parameters(op.neuron)))
        elif isinstance(op, Pool):
            told.pool(op.name, source)
        elif isinstance(op, Add):
            told.add(op.name, *op.inputs, planes=planes[op.name])
        elif isinstance(op, Attention):
            told.attention(op.name, *op.inputs, heads=op.heads, parameter_bits=_parameters(op.neuron))
        elif isinstance(op, Select):
            assert op.score_accumulator is not None
            mlp = (
                _matrix(op.hidden, op.hidden_fraction_bits, parameter_bits(op.hidden_bias.tolist())),
                _matrix(op.score, op.score_fraction_bits, parameter_bits(op.score_bias.tolist())),
            )
            bits = op.score_accumulator.bits + int(not op.score_accumulator.signed)
            told.select(op.name, source, keep=op.keep, mlp=mlp, shift=op.shift, score_bits=bits)
        else:
            told.head(op.name, source, _matrix(op.weights, op.fraction_bits, parameter_bits(op.bias.tolist())))
    return workload(told)


def _parameters(neuron: Neuron) -> int:
    return parameter_bits(neuron.bias.tolist(), neuron.threshold.tolist())


def _matrix(weights: Weights, fraction_bits: int, parameters: int) -> Matrix:
    codes = weights.codes
    outputs, inputs = codes.shape[:2]
    return Matrix(
        outputs, inputs, int(np.count_nonzero(codes)), codes[0, 0].size, weights.scheme.value, weights.bits,
        fraction_bits, parameters,
    )  # fmt: skip


def first_lists(graph: Graph, shape: Shape) -> dict[str, Lists]:
    """Lengths of every layer's lists with channel c in bank c mod k, before placement improves on it."""
    captures = {op.inputs[1] for op in graph.ops if isinstance(op, Add)}
    found = {}
    for op in graph.ops:
        if isinstance(op, Select):
            found[f"{op.name}.hidden"] = _lists(op.hidden, shape)
            found[f"{op.name}.score"] = _lists(op.score, shape)
        elif isinstance(op, Conv | Linear | Head):
            found[op.name] = _lists(op.weights, shape, image=op.inputs[0] == "input", captures=op.name in captures)
    return found


def _lists(weights: Weights, shape: Shape, *, image: bool = False, captures: bool = False) -> Lists:
    banks = shape.banks
    counts = np.count_nonzero(weights.codes.reshape(*weights.codes.shape[:2], -1), axis=2)
    if image:  # in every bank: entries are dealt out
        entries = -(-(counts.sum(axis=1)[:, None] - np.arange(banks)) // banks)
    else:
        padded = np.pad(counts, ((0, 0), (0, -counts.shape[1] % banks)))
        entries = padded.reshape(len(counts), -1, banks).sum(axis=1)
    captured = np.eye(banks, dtype=np.int64)[np.arange(len(counts)) % banks] * int(captures)
    # long lists side by side with long ones
    order = np.argsort(-entries.max(axis=1), kind="stable") if shape.streams > 1 else np.arange(len(counts))
    return Lists(*(_side_by_side(item[order], shape.streams) for item in (entries, captured)))


def _side_by_side(counts: np.ndarray, streams: int) -> np.ndarray:
    padded = np.pad(counts, ((0, -len(counts) % streams), (0, 0)))
    return padded.reshape(-1, streams * counts.shape[1]).astype(np.int64)
