"""How many bit-planes hold each value."""

from dataclasses import replace

from spikewright.compiler.front.ir import Graph, IRError
from spikewright.compiler.front.ops import Head


def planes(graph: Graph) -> Graph:
    """Fill ``planes`` and ``signed`` of every value but the head's from its interval (the intervals pass comes first).

    Spikes have 1 plane; unsigned integers the bits of their greatest value; signed ones two's complement, the highest
    plane negative. A constant 0 has 1 plane. IRError where a value has no interval.
    """
    head = {op.name for op in graph.ops if isinstance(op, Head)}
    planned = []
    for value in graph.values.values():
        if value.name in head:
            continue
        if value.interval is None:
            raise IRError(f"{value.name}: the planes pass needs intervals; run the intervals pass first")
        planned.append(replace(value, planes=value.interval.bits, signed=value.interval.signed))
    return graph.with_values(planned)
