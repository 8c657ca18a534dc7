"""The shape for a board: every memory is counted, the fastest that fits is taken, and a refusal has its numbers."""

import re
from collections import Counter

import numpy as np
import pytest

from spikewright.compiler.fit import LUT_AT_SPEED, BoardLimits, FitError, choose, estimate_lut, needs_of
from spikewright.compiler.importer import import_package
from spikewright.compiler.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.memories import Memory, block_ram, memories
from spikewright.compiler.passes import run_passes
from spikewright.compiler.structure import Shape
from spikewright.hdl.accelerator import Accelerator
from spikewright.sim.elaborate import elaborate
from spikewright.sim.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(height=8, width=8, dim=24, heads=2, depth=2, pools=(False, True, False, False), selectors=((1, 9),))
INSTANCE = re.compile(r"\\?(?:weight_rom|spike_bank|patch_table) #\((.*?)\) \S+ \(", re.DOTALL)


@pytest.fixture(scope="module")
def graph():
    return run_passes(import_package(random_package(5, SPEC)))


@pytest.mark.parametrize("shape", [Shape(4, 4, 2, 1, True), Shape(8, 2, 4, 2, True), Shape(8, 4, 4, 2, False)])
def test_every_memory_is_known(graph, shape, tmp_path):
    structure = measure(lower(graph, shape))
    text = elaborate(Accelerator(structure=structure), "accelerator", tmp_path).read_text()
    found = Counter()
    for instance in INSTANCE.finditer(text):
        width, depth = (int(re.search(rf"\.{name}\(32'd(\d+)\)", instance[1])[1]) for name in ("WIDTH", "DEPTH"))
        found[width, depth] += 1
    assert found == Counter((memory.width, memory.depth) for memory in memories(structure))


def test_block_ram_of_a_memory():
    assert Memory("m", 36, 512).blocks == 1
    assert Memory("m", 64, 336).blocks == 2
    assert Memory("m", 24, 1991).blocks == 3
    assert Memory("m", 32, 32).blocks == 0
    assert Memory("m", 1, 16384).blocks == 1


def test_fastest_that_fits(graph):
    roomy = choose(graph, BoardLimits("roomy", 200_000, 500))
    tight = choose(graph, BoardLimits("tight", 14_000, 40))
    assert roomy.shape.slot_lanes > tight.shape.slot_lanes
    cycles = [sum(step.cycles for step in choice.lowered.steps) for choice in (roomy, tight)]
    assert cycles[0] < cycles[1]
    assert tight.needs.lut <= 14_000
    assert tight.needs.blocks <= 40
    assert "for tight" in tight.reason
    assert sum(row["verdict"] == "chosen" for row in tight.candidates) == 1


def test_asked_for(graph):
    choice = choose(graph, BoardLimits("roomy", 200_000, 500), lanes=16, banks=2, streams=1)
    assert (choice.shape.lanes, choice.shape.banks, choice.shape.streams) == (16, 2, 1)
    assert "as asked for" in choice.reason


def test_refusals_have_numbers(graph):
    with pytest.raises(
        FitError, match=r"^the network is too large for few: .* needs \d+ block RAMs of 18 kbit where there are 8$"
    ):
        choose(graph, BoardLimits("few", 200_000, 8))
    with pytest.raises(FitError, match=r"needs about \d+ LUT where 1400 of 2000 can be used$"):
        choose(graph, BoardLimits("small", 2000, 500))


def test_estimates_grow_with_the_shape(graph):
    needs = [needs_of(measure(lower(graph, Shape(4, 4, banks, 1)))) for banks in (1, 2, 4)]
    assert np.all(np.diff([need.lut for need in needs]) > 0)
    structure = measure(lower(graph, Shape(4, 4, 4, 1)))
    assert estimate_lut(structure) == needs[2].lut
    assert sum(block_ram(structure).values()) < needs[2].blocks


def test_nobody_is_given_a_shape_that_may_miss_the_clock_unasked(graph):
    roomy = BoardLimits("roomy", 200_000, 500)
    choice = choose(graph, roomy)
    assert choice.needs.lut <= LUT_AT_SPEED
    faster = [row for row in choice.candidates if row["verdict"] == "may miss the clock"]
    assert faster, "the wider shapes were seen"
    assert all(row["lut"] > LUT_AT_SPEED and row["cycles"] < choice_cycles(choice) for row in faster)
    asked = choose(graph, roomy, streams=2)
    assert asked.needs.lut > LUT_AT_SPEED
    assert asked.shape.streams == 2


def choice_cycles(choice):
    return sum(step.cycles for step in choice.lowered.steps)
