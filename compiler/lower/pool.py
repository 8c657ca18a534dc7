"""Lowering of pools, and of whatever else is made of windows: the mover makes their words."""

from __future__ import annotations

from spikewright.compiler.front.ir import Op
from spikewright.compiler.front.ops import Pool
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.moves import fill_halo, lay, move
from spikewright.compiler.lower.taps import window_words
from spikewright.cost.geometry import Windows, count_pool, or_pool


def lower_pool(context: Context, op: Pool) -> None:
    """One MOVE, and the halo of what it makes."""
    come, go = (context.plan.lies(context.graph.values[name]) for name in (op.inputs[0], op.name))
    if come.cells != go.cells:
        source, target = context.home(op.inputs[0]), context.make(op.name)
        planes = context.graph.values[op.name].planes
        lay(
            context, op.name, (come, source), (go, target), planes=planes, pool=op.function, completes=op.name
        )  # fmt: skip
        fill_halo(context, op.name)
        return
    counts = op.function == "count"
    move_windows(context, op, count_pool if counts else or_pool, counts=counts)


def move_windows(context: Context, op: Op, windows: Windows, *, counts: bool = False) -> None:
    """A MOVE whose words are ORs over windows of the op's input, spikes, or their sums; the halo of what it makes."""
    source, target = context.home(op.inputs[0]), context.make(op.name)
    cells = context.cells(target.layout)
    words = window_words(context.lowered.table, cells, windows, source.layout, target.layout)
    planes = context.graph.values[op.name].planes
    move(context, op.name, words, source, target, planes=planes, counts=counts, completes=op.name)
    fill_halo(context, op.name)
