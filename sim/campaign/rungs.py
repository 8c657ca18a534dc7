"""Rungs of the ladder: each holds one representation of a network against the golden model, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.front.ir import Graph
from spikewright.compiler.passes import FRONT_PASSES, run_passes
from spikewright.compiler.program import Program
from spikewright.models.package import Package
from spikewright.sim.golden import Trace
from spikewright.sim.mismatch import Mismatch, layers
from spikewright.sim.program.check import run_program

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Climb:
    """What a rung is given: a network, images, and what the golden model makes of them.

    program: for one shape of the engine, None for rungs below the program.
    """

    package: Package
    images: Array
    golden: Trace
    program: Program | None = None


class Rung(Protocol):
    """One representation of a network that computes every value."""

    @property
    def name(self) -> str:
        """As reports call it."""

    def mismatch(self, climb: Climb) -> Mismatch | None:
        """The first value that differs from the golden model's; None where all are equal.

        What the representation refuses to hold is a ``PlainError``.
        """


class IRRung:
    """The IR, executed after import and after every pass."""

    name = "ir"

    def mismatch(self, climb: Climb) -> Mismatch | None:
        graph = import_package(climb.package)
        first = self._first(graph, climb)
        for transform in FRONT_PASSES:
            if first is None:
                graph = run_passes(graph, (transform,))
                first = self._first(graph, climb)
        return first

    def _first(self, graph: Graph, climb: Climb) -> Mismatch | None:
        values = interpret(graph, climb.images)
        return first_mismatch(climb.package, climb.golden, values, values[graph.ops[-1].name])


class ProgramRung:
    """The program's descriptors and ROM images, executed as the hardware reads them."""

    name = "program"

    def mismatch(self, climb: Climb) -> Mismatch | None:
        assert climb.program is not None
        execution = run_program(climb.program, climb.images)
        shift = climb.program.trace_map.score_shift
        return first_mismatch(climb.package, climb.golden, execution.values, execution.answer.scores, shift)


def first_mismatch(
    package: Package, golden: Trace, values: Mapping[str, Array], scores: Array, score_shift: int = 0
) -> Mismatch | None:
    """The first difference, layers in the order of execution; arguments as in ``spikewright.sim.mismatch.layers``."""
    found = (layer for layer in layers(package, golden, values, scores, score_shift) if layer.count)
    return next((layer.first() for layer in found), None)


#: Rungs that need no program, then those that do, in the order of the ladder.
FRONT_RUNGS: tuple[Rung, ...] = (IRRung(),)
PROGRAM_RUNGS: tuple[Rung, ...] = (ProgramRung(),)
