"""Workload of a graph: what the cost model is told of it, and lists by a first placement."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.ir import Graph, Weights
from spikewright.compiler.front.neuron import SpikingOp
from spikewright.compiler.lower.plan import routing_of
from spikewright.cost.description import Description
from spikewright.cost.rom import Lists
from spikewright.cost.routing import IMAGE
from spikewright.cost.shape import Shape
from spikewright.cost.workload import Workload, workload


def workload_of(graph: Graph, fraction_bits: int = 0) -> Workload:
    """Layers and copies of a graph whose planes are filled in; fraction_bits: at least so many on the engine's grid."""
    image = graph.image
    grids = [op.neuron.fraction_bits for op in graph.ops if isinstance(op, SpikingOp)]
    description = Description(
        (image.height, image.width, image.channels), planes=graph.values["input"].planes, steps=graph.steps,
        fraction_bits=max(fraction_bits, *grids, 0),
    )  # fmt: skip
    for op in graph.ops:
        op.describe(description, graph)
    return workload(description)


def first_lists(graph: Graph, shape: Shape) -> dict[str, Lists]:
    """Lengths of every layer's lists with channel c in bank c mod k, before placement improves on it."""
    fused = routing_of(graph).fused
    return {
        weighted.name: _lists(weighted.weights, shape, image=weighted.source == IMAGE, captures=weighted.name in fused)
        for op in graph.ops
        for weighted in op.weighted_sums(graph)
    }


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
    return Lists(*(_side_by_side(counted[order], shape.streams) for counted in (entries, captured)))


def _side_by_side(counts: np.ndarray, streams: int) -> np.ndarray:
    padded = np.pad(counts, ((0, -len(counts) % streams), (0, 0)))
    return padded.reshape(-1, streams * counts.shape[1]).astype(np.int64)
