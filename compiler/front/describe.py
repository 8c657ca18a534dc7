"""What the cost model is told of a graph."""

from __future__ import annotations

from spikewright.compiler.front.ir import Graph
from spikewright.compiler.front.neuron import SpikingOp, own_leaks
from spikewright.cost.description import Description


def described(graph: Graph, fraction_bits: int = 0) -> Description:
    """A graph whose planes are filled in, as shapes; fraction_bits: at least so many on the engine's grid."""
    image = graph.image
    grids = [op.neuron.fraction_bits for op in graph.ops if isinstance(op, SpikingOp)]
    description = Description(
        (image.height, image.width, image.channels), planes=graph.values["input"].planes, steps=graph.steps,
        fraction_bits=max(fraction_bits, *grids, 0), leaks=own_leaks(graph), still=not image.frames,
    )  # fmt: skip
    for op in graph.ops:
        op.describe(description, graph)
    return description
