"""Least: what a network needs of an engine, whatever lowering makes of it. A shape or a board may be left out by it.

Lower bounds: values that are in spike memory together, and one entry for each weight kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikewright.compiler.front.ir import Graph, Op, Value, WeightedSum
from spikewright.compiler.front.ops import Add
from spikewright.compiler.lower.plan import LayoutPlan
from spikewright.compiler.target.structure import Shape, Structure, bits_for
from spikewright.cost.routing import IMAGE
from spikewright.cost.rows import ROW_ENTRIES

#: What these read is there until all that they make is.
_KINDS = ("conv", "pool", "linear")
#: Most banks that can be asked for.
MOST_BANKS = 16


def least_bits(graph: Graph, steps: int) -> dict[str, int]:
    """Bits that must be in memory, by what they are of: the weights; the values of an op.

    Each weight kept has its code and an index of its input; steps: of a word.
    """
    weighted = [weighted for op in graph.ops for weighted in op.weighted_sums(graph)]
    index = _index_bits(weighted, MOST_BANKS)
    bits = {"its weights": sum(_kept(each) * (each.weights.bits + index) for each in weighted)}
    added = {op.inputs[1] for op in graph.ops if isinstance(op, Add)}  # an add may be done as its spikes are made
    for op in graph.ops:
        if op.kind in _KINDS:
            stored = {*op.inputs, op.name} - {*added, graph.ops[-1].name}
            bits[f"what {op.name} reads and makes"] = sum(_value_bits(graph.values[name], steps) for name in stored)
    return bits


def least_structure(graph: Graph, shape: Shape, known: Structure) -> Structure:
    """A structure none of whose weight ROMs, spike banks and adders is larger than the network needs in a shape.

    known: of the network in another shape. Memories of other uses are as small as they can be.
    """
    weighted = [weighted for op in graph.ops for weighted in op.weighted_sums(graph)]
    entries = -(-sum(map(_kept, weighted)) // shape.walkers)
    return replace(
        known, shape=shape, second=0, bank_depth=max(2, least_depth(graph, shape)),
        rom_depth=max(2, -(-entries // ROW_ENTRIES)), offset_bits=_index_bits(weighted, shape.banks),
        count_bits=1, outputs=2, neurons=2, product_depth=2, table_depth=2, mask_depth=2, program_depth=2,
        result_depth=2,
    )  # fmt: skip


def least_depth(graph: Graph, shape: Shape) -> int:
    """Words of a spike bank that are in use at one time, at the least."""
    plan = LayoutPlan(graph, shape, even=False)
    homes, copies, fused = plan.homes, plan.routing.copies, plan.routing.fused
    place = {op.name: number for number, op in enumerate(graph.ops)}
    time = place | {add.name: place[name] for name, add in fused.items()}
    born, dies = {IMAGE: -1}, {IMAGE: -1}
    for op in graph.ops:
        if op.name in homes:
            born.setdefault(homes[op.name], place[op.name])
        for name in op.inputs:
            if name in homes and (op.name, name) not in copies:
                dies[homes[name]] = max(dies.get(homes[name], -1), time[op.name])
    words = {name: plan.layouts[name].words for name in born}
    depths = [0]
    for op in graph.ops:
        if op.kind in _KINDS:
            now = place[op.name]
            alive = {name for name in born if born[name] < now <= dies.get(name, -1)}
            depths.append(sum(words[name] for name in alive | _made(op, homes)))
    return max(depths)


def _made(op: Op, homes: dict[str, str]) -> set[str]:
    return {homes[op.name]} if op.name in homes else set()


def _kept(weighted: WeightedSum) -> int:
    return int(np.count_nonzero(weighted.weights.codes))


def _index_bits(weighted: list[WeightedSum], banks: int) -> int:
    """Bits that tell the inputs of a bank apart, of the layer that uses most."""
    used = [int(np.count_nonzero(each.weights.codes.any(axis=0))) for each in weighted if each.source is not None]
    return bits_for(max(0, -(-max(used, default=0) // banks) - 1))


def _value_bits(value: Value, steps: int) -> int:
    """Bits of a value in spike memory: the timesteps of its last word may be empty."""
    timesteps = value.steps if value.name == IMAGE else -(-value.steps // steps) * steps
    return timesteps * value.tokens * value.channels * value.planes
