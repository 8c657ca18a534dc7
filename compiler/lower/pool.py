"""Lowering of pools, and of whatever else is an OR over windows: the mover makes their words."""

from __future__ import annotations

from spikewright.compiler.front.ir import Op
from spikewright.compiler.front.ops import Pool
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.moves import fill_halo, move
from spikewright.compiler.lower.taps import window_words
from spikewright.cost.geometry import Windows, or_pool


def lower_pool(context: Context, op: Pool) -> None:
    """One MOVE, and the halo of what it makes."""
    move_windows(context, op, or_pool)


def move_windows(context: Context, op: Op, windows: Windows) -> None:
    """A MOVE whose words are ORs over windows of the op's input, spikes, and the halo of what it makes."""
    source, target = context.home(op.inputs[0]), context.make(op.name)
    cells = context.cells(target.layout)
    words = window_words(context.lowered.table, cells, windows, source.layout, target.layout)
    move(context, op.name, words, source, target, planes=1, completes=op.name)
    fill_halo(context, op.name)
