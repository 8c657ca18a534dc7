"""Lowering: a planned graph becomes buffers, weight lists and descriptors for one engine shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spikewright.compiler.front.ir import Graph, Op
from spikewright.compiler.front.ops import Add, Attention, Conv, Head, Linear, Pool, Select
from spikewright.compiler.lower.attention import lower_attention
from spikewright.compiler.lower.buffers import allocate
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.head import lower_head
from spikewright.compiler.lower.image import lower_image
from spikewright.compiler.lower.lowered import Lowered
from spikewright.compiler.lower.matrix import lower_matrix
from spikewright.compiler.lower.pool import lower_pool
from spikewright.compiler.lower.residual import lower_add
from spikewright.compiler.lower.select import lower_select
from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Shape

#: How each op is lowered. A function is only called with the op that it stands beside.
LOWERINGS: Mapping[type[Op], Callable[[Context, Any], None]] = {
    Conv: lower_matrix,
    Linear: lower_matrix,
    Pool: lower_pool,
    Add: lower_add,
    Attention: lower_attention,
    Select: lower_select,
    Head: lower_head,
}


def lower(graph: Graph, shape: Shape, fraction_bits: int = 0, *, leaks: bool = False) -> Lowered:
    """Map ``graph`` (intervals and planes filled in) to an engine of ``shape``.

    Of a given structure: fraction_bits: at least so many on the engine's membrane grid; leaks: its neurons have leaks
    of their own.
    """
    context = Context(graph, shape, fraction_bits, leaks)
    lower_image(context)
    for op in graph.ops:
        LOWERINGS[type(op)](context, op)
    context.append(Kind.END, "end", {}, {}, 0)
    context.lowered.bank_depth = allocate(list(context.lowered.buffers.values()))
    return context.lowered
