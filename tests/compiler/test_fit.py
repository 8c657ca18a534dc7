"""The shape for a board: every memory is counted, the fastest that fits is taken, and a refusal has its numbers."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from spikewright.boards.registry import family_of, load_board
from spikewright.compiler.compile import planned_graph
from spikewright.compiler.fit import FitError, ShapeRequest, choose, estimate_lut, needs_of
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.target.memories import block_ram, memories
from spikewright.compiler.target.structure import Shape
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate
from spikewright.sim.stimulus.random_draft import draft_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(height=8, width=8, dim=24, heads=2, depth=2, pools=(False, True, False, False), selectors=((1, 9),))
BOARD = load_board("ulx3s-85f")
FAMILY = family_of(BOARD)
INSTANCE = re.compile(r"\\?(?:weight_rom|spike_bank|patch_table) #\((.*?)\) \S+ \(", re.DOTALL)


def device(name, lut, blocks):
    return replace(FAMILY.device(BOARD), name=name, lut=lut, block_rams=blocks)


@pytest.fixture(scope="module")
def graph():
    return planned_graph(random_package(5, SPEC))


@pytest.mark.parametrize("shape", [Shape(4, 4, 2, 1, True), Shape(8, 2, 4, 2, True), Shape(8, 4, 4, 2, False)])
def test_every_memory_is_known(graph, shape, tmp_path):
    structure = measure(lower(graph, shape))
    text = elaborate(Accelerator(structure=structure), "accelerator", tmp_path).read_text()
    instances = Counter()
    for instance in INSTANCE.finditer(text):
        width, depth = (int(re.search(rf"\.{name}\(32'd(\d+)\)", instance[1])[1]) for name in ("WIDTH", "DEPTH"))
        instances[width, depth] += 1
    assert instances == Counter((memory.width, memory.depth) for memory in memories(structure))


def test_block_ram_of_a_memory():
    blocks = FAMILY.ram.blocks
    assert blocks(36, 512) == 1
    assert blocks(64, 336) == 2
    assert blocks(24, 1991) == 3
    assert blocks(32, 32) == 0
    assert blocks(1, 16384) == 1


def test_fastest_that_fits(graph):
    roomy = choose(graph, device("roomy", 200_000, 500))
    tight = choose(graph, device("tight", 14_000, 40))
    assert roomy.shape.slot_lanes > tight.shape.slot_lanes
    cycles = [sum(draft.cycles for draft in choice.lowered.descriptors) for choice in (roomy, tight)]
    assert cycles[0] < cycles[1]
    assert tight.needs.lut <= 14_000
    assert tight.needs.blocks <= 40
    assert "for tight" in tight.reason
    assert sum(candidate.verdict == "chosen" for candidate in tight.candidates) == 1


def test_asked_for(graph):
    choice = choose(graph, device("roomy", 200_000, 500), ShapeRequest(lanes=16, banks=2, streams=1))
    assert (choice.shape.lanes, choice.shape.banks, choice.shape.streams) == (16, 2, 1)
    assert "the shape that was asked for" in choice.reason


def test_refusals_have_numbers(graph):
    with pytest.raises(
        FitError,
        match=r"^the network is too large for few: .* needs \d+ block RAMs of 18 kbit where there are 8; "
        "prune the network, give it fewer bits or channels, or take a larger board$",
    ):
        choose(graph, device("few", 200_000, 8))
    with pytest.raises(FitError, match=r"needs about \d+ LUT where 1400 of 2000 can be used; prune"):
        choose(graph, device("small", 2000, 500))


def test_estimates_grow_with_the_shape(graph):
    needs = [needs_of(measure(lower(graph, Shape(4, 4, banks, 1))), FAMILY.device(BOARD)) for banks in (1, 2, 4)]
    assert np.all(np.diff([need.lut for need in needs]) > 0)
    structure = measure(lower(graph, Shape(4, 4, 4, 1)))
    assert estimate_lut(structure, FAMILY.lut_model) == needs[2].lut
    assert sum(block_ram(structure, FAMILY.ram).values()) == needs[2].blocks


def test_what_a_network_can_do_beyond_the_plain_engine_counts(graph):
    structure = measure(lower(graph, Shape(4, 4, 2, 1)))
    plain = estimate_lut(structure, FAMILY.lut_model)
    for flag, least in {"leaks": 500, "second": 100, "counting": 200, "limited": 40, "frames": 150}.items():
        assert estimate_lut(replace(structure, **{flag: 1}), FAMILY.lut_model) - plain >= least


def test_an_answer_beyond_the_serial_link_is_refused(graph):
    few = replace(FAMILY.device(BOARD), answer_words=60)
    match = (
        r"^head: an answer of \d+ words, 1 for each of 10 classes and 3 for each of \d+ descriptors, does not fit the "
    )
    with pytest.raises(FitError, match=match + "serial link of .*, at most 60; .* or take --board simulation$"):
        choose(graph, few)


def test_nobody_is_given_a_shape_that_may_miss_the_clock_unasked(graph):
    roomy = device("roomy", 200_000, 500)
    choice = choose(graph, roomy)
    assert choice.needs.lut <= FAMILY.lut_model.at_speed
    faster = [candidate for candidate in choice.candidates if candidate.verdict == "may miss the clock"]
    assert faster, "the wider shapes were seen"
    assert all(candidate.needs.lut > FAMILY.lut_model.at_speed for candidate in faster)
    assert all(candidate.cycles < choice_cycles(choice) for candidate in faster)
    asked = choose(graph, roomy, ShapeRequest(streams=2))
    assert asked.needs.lut > FAMILY.lut_model.at_speed
    assert asked.shape.streams == 2


def choice_cycles(choice):
    return sum(draft.cycles for draft in choice.lowered.descriptors)


def test_an_image_that_no_board_holds_is_refused_before_anything_is_lowered(monkeypatch):
    monkeypatch.setattr("spikewright.compiler.fit.lower", None)
    spec = NetworkSpec(height=1024, width=1024, dim=8, heads=1, depth=0, pools=(True,) * 4)
    package = draft_package(np.random.default_rng(1), spec, "large")
    text = "^the network is too large for ulx3s-85f: what sps0 reads and makes alone needs 683 block RAMs"
    with pytest.raises(FitError, match=text):
        choose(planned_graph(package), FAMILY.device(BOARD))
