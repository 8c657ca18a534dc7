"""A small network on a structure with wide fields: short descriptors wait for long ones, as predicted."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.descriptors import descriptor_words
from spikewright.compiler.target.structure import Shape
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import build_simulator
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

#: Its LOAD, its product and the MOVE of its selector take 15 cycles each.
SPEC = NetworkSpec(height=1, width=1, channels=1, dim=2, heads=1, depth=1, steps=1, pools=(False,) * 4,
                   selectors=((0, 1),))  # fmt: skip
SHAPE = Shape(tokens=2, steps=1, banks=2, skip=False)


@pytest.mark.parametrize(("loop_bits", "words", "waiting"), [(34, 13, []), (36, 14, [15, 19]), (52, 17, [1, 15, 19])])
def test_short_descriptors_wait_for_long_ones(loop_bits, words, waiting, tmp_path):
    package = random_package(4, SPEC)
    least = compile_package(package, SHAPE)
    structure = replace(least.structure, loop_bits=loop_bits)
    assert descriptor_words(structure) == words
    structure = replace(structure, program_depth=words * len(least.descriptors))
    program = compile_package(package, structure)
    waits = np.array(program.predicted_cycles) - least.predicted_cycles
    assert np.flatnonzero(waits).tolist() == waiting
    built = build_simulator(structure, optimise="-O0")
    network = SimulatedNetwork.of_program(program, package, tmp_path)
    comparison = compare(network, built, random_images(5, 3, SPEC))
    assert comparison.bit_exact
    assert comparison.counters[:, 0].tolist() == (3 * np.array(program.predicted_cycles)).tolist()
