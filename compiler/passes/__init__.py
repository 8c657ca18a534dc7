"""One pass per file, each a pure function from graph to graph."""

from collections.abc import Callable, Iterable

from ..ir import Graph
from ..verify import verify
from .intervals import intervals
from .planes import planes

Pass = Callable[[Graph], Graph]

#: What every graph goes through before anything looks at a board: exact intervals, then bit-planes.
FRONT_PASSES: tuple[Pass, ...] = (intervals, planes)


def run_passes(graph: Graph, passes: Iterable[Pass] = FRONT_PASSES) -> Graph:
    """Run the passes in order and verify the graph after each; IRError from the verifier."""
    for step in passes:
        graph = step(graph)
        verify(graph)
    return graph
