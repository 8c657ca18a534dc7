"""One pass per file, each a pure function from graph to graph."""

from collections.abc import Callable, Iterable

from spikewright.compiler.front.ir import Graph
from spikewright.compiler.front.verify import verify
from spikewright.compiler.passes.intervals import intervals
from spikewright.compiler.passes.planes import planes

Pass = Callable[[Graph], Graph]

#: What every graph goes through before anything looks at a board: exact intervals, then bit-planes.
FRONT_PASSES: tuple[Pass, ...] = (intervals, planes)


def run_passes(graph: Graph, passes: Iterable[Pass] = FRONT_PASSES) -> Graph:
    """Run the passes in order and verify the graph after each; IRError from the verifier."""
    for transform in passes:
        graph = transform(graph)
        verify(graph)
    return graph
