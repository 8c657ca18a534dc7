"""Random networks in groups: the networks of a group share one shape, one structure and one simulator."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.program import Program, assemble
from spikewright.compiler.target.descriptors import cover
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Package
from spikewright.sim.accelerator.compare import Comparison, compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import RunOptions, build_simulator
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package, random_spec
from spikewright.sim.verilator.run import Built

#: Networks draw up to this many fraction bits; a group has one membrane grid.
FRACTION_BITS = 6


@dataclass(frozen=True)
class Network:
    """A random network: its seed and shape."""

    seed: int
    spec: NetworkSpec


@dataclass(frozen=True)
class Group:
    """Networks for one engine shape."""

    shape: Shape
    networks: tuple[Network, ...]


def small(*seeds: int) -> tuple[Network, ...]:
    """Random shapes: odd sizes, T of 1, 2, 4, 5 or 8, up to two selectors."""
    return tuple(Network(seed, random_spec(np.random.default_rng(seed))) for seed in seeds)


def large(*seeds: int) -> tuple[Network, ...]:
    """32x32x3 images, 64 tokens, D 96 to 128, depth 3 with two selectors, T 2, 5 or 8, MLP ratio 2."""
    networks = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        first = int(rng.integers(36, 60))
        pools = [(False, False, True, True), (True, False, True, False), (False, True, False, True)][seed % 3]
        spec = NetworkSpec(
            height=32,
            width=32,
            channels=3,
            steps=(2, 5, 8)[seed % 3],
            dim=(96, 112, 128)[seed // 3 % 3],
            heads=int(rng.choice([2, 4, 8])),
            depth=3,
            mlp_ratio=2,
            pools=pools,
            selectors=((1, first), (2, int(rng.integers(17, first)))),
            sparsity=float(rng.choice([0.8, 0.9, 0.94])),
            classes=10,
            reset=None,
            compare=None,
        )
        networks.append(Network(seed, spec))
    return tuple(networks)


GROUPS = {
    "four-banks": Group(Shape(tokens=4, steps=2, banks=4, streams=1, skip=True), small(1, 3, 5, 8, 9)),
    "two-streams": Group(Shape(tokens=4, steps=2, banks=8, streams=2, skip=False), small(0, 7, 12, 14, 15)),
    "large": Group(Shape(tokens=16, steps=4, banks=8, streams=2, skip=True), large(*range(100, 112))),
    "exact-cycles": Group(Shape(tokens=8, steps=4, banks=4, streams=2, skip=False), small(*range(20, 30))),
    "reference-shape": Group(Shape(tokens=16, steps=4, banks=4, streams=1, skip=True), small(*range(30, 40))),
    "eight-steps": Group(Shape(tokens=4, steps=8, banks=2, streams=1, skip=True), small(*range(40, 48))),
}
#: Groups of ``make test``; the others are slow.
DEFAULT = ("four-banks", "two-streams")


@cache
def package_of(name: str, index: int) -> Package:
    network = GROUPS[name].networks[index]
    return random_package(network.seed, network.spec)


@cache
def programs_of(name: str) -> tuple[Program, ...]:
    """The programs of a group, all for the least structure that holds every one."""
    group = GROUPS[name]
    lowered = [
        lower(planned_graph(package_of(name, i)), group.shape, FRACTION_BITS) for i in range(len(group.networks))
    ]
    structure = cover(map(measure, lowered))
    return tuple(assemble(network, structure) for network in lowered)


@cache
def simulator_of(name: str) -> Built:
    return build_simulator(programs_of(name)[0].structure, optimise="-O0" if name in DEFAULT else "-O1")


def images_of(name: str, index: int, count: int) -> np.ndarray:
    network = GROUPS[name].networks[index]
    return random_images(network.seed + 1000, count, network.spec)


def run_network(name: str, index: int, folder: Path, *, images: int = 3, stall: int = 0) -> Comparison:
    """One network of a group through accelerator and golden model."""
    network = SimulatedNetwork.of_program(programs_of(name)[index], package_of(name, index), folder)
    options = RunOptions(stall=stall, seed=GROUPS[name].networks[index].seed)
    return compare(network, simulator_of(name), images_of(name, index, images), options)
