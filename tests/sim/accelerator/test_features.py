"""Every flag of a structure on RTL, in pairs and more, at several shapes: each value as in the golden model."""

from functools import cache

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package, planned_graph
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.program import assemble
from spikewright.compiler.target.descriptors import cover
from spikewright.compiler.target.structure import FLAGS, Shape
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import RunOptions, build_simulator
from spikewright.sim.stimulus.random_graphs import random_graph

#: Shapes, and graphs of seed 28 for each: every flag is there, alone and beside others.
SHAPES = {
    "one-stream": (Shape(tokens=4, steps=2, banks=2, streams=1, skip=False), (0, 1, 6, 8, 9, 13, 21, 31)),
    "odd": (Shape(tokens=5, steps=3, banks=3, streams=2, skip=True), (4, 6, 9, 10, 20, 23, 27, 33)),
}
FRACTION_BITS = 20
CASES = [(name, number) for name, (_, numbers) in SHAPES.items() for number in numbers]


@cache
def graph(number):
    return random_graph([28, number])


@cache
def structure(name):
    shape, numbers = SHAPES[name]
    needs = [assemble(lower(planned_graph(graph(n).package), shape, FRACTION_BITS)).structure for n in numbers]
    return cover(needs)


@cache
def simulator(name):
    return build_simulator(structure(name), optimise="-O0")


def test_every_flag_is_there():
    for name in SHAPES:
        missing = {flag for flag in FLAGS if not getattr(structure(name), flag)}
        assert not missing, f"{name}: {missing}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_bit_exact(name, number, tmp_path):
    package, images = graph(number).package, graph(number).images
    program = compile_package(package, structure(name))
    network = SimulatedNetwork.of_program(program, package, tmp_path)
    comparison = compare(network, simulator(name), images, RunOptions(stall=90 if number % 2 else 0))
    assert comparison.bit_exact, str(comparison.first)
    if not program.structure.shape.skip:
        predicted = np.array(program.predicted_cycles) * comparison.images
        assert comparison.counters[:, 0].tolist() == predicted.tolist()
