"""What a network that a cell has trained costs: its compressions, stored bits, and predicted cycles, skipping off."""

from __future__ import annotations

from dataclasses import asdict

from spikewright.compiler.compile import compile_package
from spikewright.compress.networks.account import compression_of
from spikewright.compress.run.rehearsal import stored_as
from spikewright.compress.run.stages.run import Run
from spikewright.cost.shape import Shape
from spikewright.models.graph import SpikingNetwork
from spikewright.models.package import Package

#: What generate chooses for ulx3s-85f.
USUAL = Shape(tokens=16, steps=4, banks=4, streams=1)


def shape_text(shape: Shape) -> str:
    """A shape in words."""
    return f"{shape.lanes} lanes, {shape.banks} banks, {shape.streams} stream"


def compressions(run: Run, network: SpikingNetwork) -> dict[str, float]:
    """How much smaller a network is than the dense one in 32 bits; its stored bits by the cost model's estimate."""
    return asdict(compression_of(network, run.teacher, run.recipe.input_bits, frames=run.task.frames))


def stored_bits(package: Package) -> int:
    """Bits that a program stores, as the compiler counts them."""
    return compile_package(package, USUAL).rom_bits.total


def package_cycles(package: Package, shape: Shape = USUAL) -> int:
    """Cycles of an image by the compiler's schedule."""
    return sum(compile_package(package, shape).predicted_cycles)


def network_cycles(run: Run, network: SpikingNetwork, shape: Shape = USUAL) -> int:
    """The same of a network in float, its weights rounded to 8 bits; cycles do not depend on the width."""
    return package_cycles(stored_as(network, run.recipe, run.task), shape)
