"""The one way from a package to a program."""

from __future__ import annotations

from spikewright.compiler.fit import Choice, ShapeRequest, choose
from spikewright.compiler.fit_unlimited import choose_unlimited
from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.ir import Graph
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.passes import run_passes
from spikewright.compiler.program import Program, assemble
from spikewright.compiler.target.device import Device, Unlimited
from spikewright.compiler.target.structure import Shape, Structure
from spikewright.models.package import Package


def planned_graph(package: Package) -> Graph:
    """The graph of a package after all passes. PackageError where it is not valid, IRError for what is not built."""
    return run_passes(import_package(package))


def chosen(graph: Graph, device: Device | Unlimited, request: ShapeRequest | None = None) -> Choice:
    """The shape of the engine for a device; ``FitError`` if there is none."""
    if isinstance(device, Unlimited):
        return choose_unlimited(graph, device, request)
    return choose(graph, device, request)


def compile_package(
    package: Package, target: Device | Unlimited | Shape | Structure, request: ShapeRequest | None = None
) -> Program:
    """The program of a package.

    target: the device that an engine is chosen for, as far as ``request`` leaves it open; or the engine's shape; or the
    whole structure of an accelerator that exists. PackageError, IRError, FitError or StructureError
    where that cannot be, one sentence each.
    """
    graph = planned_graph(package)
    if isinstance(target, Device | Unlimited):
        choice = chosen(graph, target, request)
        return assemble(choice.lowered, choice=choice)
    if request is not None:
        raise ValueError("a request is for a device: a shape or a structure leaves nothing open")
    if isinstance(target, Shape):
        return assemble(lower(graph, target))
    return assemble(lower(graph, target.shape, target.fraction_bits, leaks=bool(target.leaks)), target)
