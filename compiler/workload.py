"""Workload of a graph: what the cost model is told of it, and lists by a first placement."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.front.describe import described
from spikewright.compiler.front.ir import Graph
from spikewright.compiler.front.ops import Conv
from spikewright.compiler.lower.plan import routing_of
from spikewright.cost.latency import best_on
from spikewright.cost.rom import Lists
from spikewright.cost.routing import IMAGE
from spikewright.cost.shape import Shape
from spikewright.cost.workload import Workload, workload


def workload_of(graph: Graph, fraction_bits: int = 0) -> Workload:
    """Layers and copies of a graph whose planes are filled in; fraction_bits: at least so many on the engine's grid."""
    return workload(described(graph, fraction_bits))


def first_lists(graph: Graph, shape: Shape, work: Workload) -> dict[str, Lists]:
    """Lengths of every layer's lists with channel c in bank c mod k, before placement improves on it.

    work: of the graph
    """
    fused, lists = routing_of(graph, best_on(work.description, shape)[0]).fused, {}
    for op in graph.ops:
        joined = op.joined if isinstance(op, Conv) else None
        for weighted in op.weighted_sums(graph)[: 1 if joined else None]:
            codes = weighted.weights.codes
            counts = np.count_nonzero(codes.reshape(*codes.shape[:2], -1), axis=2)
            entries = _by_bank(counts, shape, image=weighted.source == IMAGE)
            captures = np.zeros_like(entries)
            if joined is not None:
                assert isinstance(op, Conv)
                captures = _by_bank(op.joined_entries(), shape, image=joined == IMAGE)
            elif weighted.name in fused:
                captures = np.eye(shape.banks, dtype=np.int64)[np.arange(len(counts)) % shape.banks]
            # long lists side by side with long ones
            order = np.arange(len(counts))
            if shape.streams > 1:
                order = np.argsort(-entries.max(axis=1), kind="stable")
            entries, captures = (_side_by_side(part[order], shape.streams) for part in (entries, captures))
            lists[weighted.name] = Lists(entries, captures, joined is not None)
    return lists


def _by_bank(counts: np.ndarray, shape: Shape, *, image: bool) -> np.ndarray:
    """Entries of each output in each bank, of [outputs, inputs]; of the image, in every bank, they are dealt out."""
    banks = shape.banks
    if image:
        return np.asarray(-(-(counts.sum(axis=1)[:, None] - np.arange(banks)) // banks))
    padded = np.pad(counts, ((0, 0), (0, -counts.shape[1] % banks)))
    return np.asarray(padded.reshape(len(counts), -1, banks).sum(axis=1))


def _side_by_side(counts: np.ndarray, streams: int) -> np.ndarray:
    padded = np.pad(counts, ((0, -len(counts) % streams), (0, 0)))
    return padded.reshape(-1, streams * counts.shape[1]).astype(np.int64)
