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
from spikewright.sim.accelerator.compare import Mismatch, expected_layers
from spikewright.sim.golden import Trace

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
        return first_mismatch(climb.package, climb.golden, interpret(graph, climb.images))


def first_mismatch(package: Package, golden: Trace, got: Mapping[str, Array]) -> Mismatch | None:
    """The first difference, layers in the order of execution.

    got: int [B, T, N, C] by op; ``NAME.kept`` [B, keep] of selectors; the head's [B, classes].
    """
    for name, kind in expected_layers(package):
        if kind == "scores":
            expected, observed = golden.scores.numpy()[:, None, None], got[name][:, None, None]
        elif kind == "kept":
            kept = golden.kept[name.removesuffix(".kept")].numpy()
            expected, observed = kept[:, None, :, None], got[name][:, None, :, None]
        else:
            expected, observed = golden.values[name].numpy(), got[name]
        if expected.shape != observed.shape:
            raise ValueError(f"{name}: values {observed.shape}, and the golden model's are {expected.shape}")
        different = np.argwhere(expected != observed)
        if len(different):
            image, step, token, channel = (int(i) for i in different[0])
            values = (int(array[image, step, token, channel]) for array in (expected, observed))
            return Mismatch(image, name, step, token, channel, *values)
    return None


#: Rungs that need no program, then those that do, in the order of the ladder.
FRONT_RUNGS: tuple[Rung, ...] = (IRRung(),)
PROGRAM_RUNGS: tuple[Rung, ...] = ()
