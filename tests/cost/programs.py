"""Packages and the programs made of them: the committed ones, and random ones with selectors, odd sizes and T."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.front.ir import Graph
from spikewright.compiler.lower.lists import lengths
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.program import Program, assemble
from spikewright.compiler.target.structure import Shape
from spikewright.cost.rom import Lists
from spikewright.models.package import Package, read_package
from spikewright.sim.stimulus.random_networks import random_package, random_spec

ROOT = Path(__file__).parents[2]
#: Those whose trained networks are committed, too; and all.
REFERENCE = ("clutter-digits", "digits")
COMMITTED = tuple(sorted(path.parent.name for path in (ROOT / "packages").glob("*/package.safetensors")))
RANDOM = (1, 3, 7, 12, 20)
SHAPES = (
    Shape(),
    Shape(tokens=4, steps=2, banks=8, streams=2, skip=False),
    Shape(tokens=8, steps=4, banks=4, streams=2),
    Shape(tokens=4, steps=8, banks=2),
)


@cache
def package(name: str | int) -> Package:
    """A committed package, or a random one by its seed."""
    if isinstance(name, str):
        return read_package(ROOT / "packages" / name / "package.safetensors")
    return random_package(name, random_spec(np.random.default_rng(name)))


@dataclass(frozen=True)
class Compiled:
    """A graph after its passes, its program, and the lists' lengths by layer."""

    graph: Graph
    program: Program
    lists: dict[str, Lists]


@cache
def compiled(name: str | int, shape: Shape) -> Compiled:
    graph = planned_graph(package(name))
    program = assemble(lower(graph, shape))
    lists = {s.layer: lengths(s.outputs) for s in program.descriptors if s.outputs and not s.fields["gate"]}
    return Compiled(graph, program, lists)
