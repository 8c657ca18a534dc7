"""What a network needs at the least is never above what it needs, and no network is refused that would fit."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from spikewright.boards.registry import family_of, load_board
from spikewright.compiler.compile import planned_graph
from spikewright.compiler.fit import FitError, ShapeRequest, choose, needs_of
from spikewright.compiler.front.ir import IRError
from spikewright.compiler.least import least_bits, least_depth, least_structure
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.target.memories import spike_bank, weight_rom
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import read_package
from spikewright.sim.stimulus.random_graphs import random_graph

PACKAGES = Path(__file__).parents[2] / "packages"
BOARD = load_board("ulx3s-85f")
DEVICE = family_of(BOARD).device(BOARD)
SHAPES = [Shape(tokens, 4, banks, streams) for tokens, banks, streams in product((2, 8, 32), (1, 4), (1, 2))
          if streams <= banks]  # fmt: skip


def graphs(count):
    for number in range(count):
        try:
            yield number, planned_graph(random_graph([27, number]).package)
        except IRError:
            continue


@pytest.mark.parametrize("part", range(4))
def test_least_is_never_more_than_is_needed(part):
    tight = compared = 0
    for number, graph in list(graphs(80))[part::4]:
        known = None
        for shape in SHAPES:
            lowered = lower(graph, shape)
            structure = measure(lowered)
            known = known or structure
            least = least_structure(graph, shape, known)
            assert least_depth(graph, shape) <= lowered.bank_depth, (number, shape)
            assert weight_rom(least, 0, 0).bits <= weight_rom(structure, 0, 0).bits, (number, shape)
            few, many = needs_of(least, DEVICE), needs_of(structure, DEVICE)
            assert few.blocks <= many.blocks, (number, shape)
            assert few.lut <= many.lut, (number, shape)
            memory = sum(weight_rom(structure, stream, bank).bits for stream in range(shape.streams)
                         for bank in range(shape.banks)) + shape.walkers * spike_bank(structure).bits  # fmt: skip
            assert least_bits(graph, 4)["its weights"] <= memory, (number, shape)
            tight += least_depth(graph, shape) * 2 > lowered.bank_depth
            compared += 1
    assert tight > 0.9 * compared, "a bound that says nothing leaves nothing out"


def test_a_network_is_refused_only_where_no_shape_fits():
    """A board of every size for networks of every kind: what is refused has no shape, and the number told is true."""
    refused = fitted = 0
    for number, graph in graphs(12):
        needs = {shape: needs_of(measure(lower(graph, shape)), DEVICE) for shape in ShapeRequest().shapes(graph)}
        fewest = min(need.blocks for need in needs.values())
        for blocks in (fewest, fewest - 1):
            device = replace(DEVICE, block_rams=blocks, lut=1 << 20)
            if any(need.excess(device) <= 1 for need in needs.values()):
                fitted += 1
                choice = choose(graph, device)
                assert needs[choice.shape] == choice.needs, (number, blocks)
                continue
            refused += 1
            with pytest.raises(FitError, match=f" alone need|needs {fewest} block RAMs"):
                choose(graph, device)
    assert refused >= 12
    assert fitted >= 12


def test_event_fits_the_board_of_half_the_size():
    board = load_board("ulx3s-45f")
    choice = choose(
        planned_graph(read_package(PACKAGES / "event" / "package.safetensors")), family_of(board).device(board)
    )
    assert choice.needs.blocks <= board.resources.block_ram.count
