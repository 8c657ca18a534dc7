"""Exact interval analysis: what every value, sum and membrane can be, from the actual weights.

Intervals are kept per channel inside the pass and stored as their hull. Every term of a sum may be absent (padding, a
silent spike, not yet added), so each term's interval holds 0: partial sums in any order stay inside too, and overflow
is impossible by construction in any accumulator as wide as its interval. A gain is one term: of its digits, which the
hardware adds one by one, a partial sum may wrap around, their total comes out right. Each op bounds itself
(``spikewright.compiler.front.ops``).
"""

from dataclasses import replace

import numpy as np

from spikewright.compiler.front.ir import Bounds, Graph, ImageInput, Op


def intervals(graph: Graph) -> Graph:
    """Fill the intervals of all values, accumulators, membranes and scores."""
    bounds = {"input": _image(graph.image)}
    ops: list[Op] = []
    for op in graph.ops:
        bounded, bounds[op.name] = op.bounded([bounds[name] for name in op.inputs], graph)
        ops.append(bounded)
    values = [replace(graph.values[name], interval=b.hull) for name, b in bounds.items()]
    return graph.with_ops(ops).with_values(values)


def _image(image: ImageInput) -> Bounds:
    table = image.table.astype(np.int64)
    return Bounds(table.min(axis=1), table.max(axis=1))
