"""Random networks that are not refused, each on a shape of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from spikewright.compiler.compile import compile_package
from spikewright.compiler.program import Program
from spikewright.errors import PlainError
from spikewright.sim.campaign.tally import silent
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_graphs import RandomGraph, random_graph
from spikewright.sim.stimulus.random_shapes import spread_shape


def drawn(seed: int, wanted: Callable[[Program], bool]) -> Iterator[tuple[RandomGraph, Program]]:
    """Graphs and their programs, endlessly: those that ``wanted`` takes and that fire."""
    number = 0
    while True:
        graph = random_graph([seed, number])
        shape = spread_shape(np.random.default_rng([seed, number]), number)
        number += 1
        try:
            program = compile_package(graph.package, shape)
        except PlainError:
            continue
        if wanted(program) and not silent(graph.package, run(graph.package, graph.images)):
            yield graph, program
