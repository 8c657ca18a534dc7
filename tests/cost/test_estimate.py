"""Estimates before masks and placement are final, held to the compiler's numbers."""

import pytest
from programs import COMMITTED, RANDOM, REFERENCE, SHAPES, compiled

from spikewright.compiler.target.structure import Shape
from spikewright.compiler.workload import first_lists, workload_of
from spikewright.cost.estimate import estimate_rom_bits, estimate_widths, sum_cycles
from spikewright.cost.latency import best_on, descriptor_cycles
from spikewright.cost.shape import signed_bits
from spikewright.cost.widths import adder_bits, top_value
from spikewright.cost.work import Layer, Walk


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", COMMITTED)
def test_the_density_alone_tells_what_the_committed_packages_take(name: str, shape: Shape) -> None:
    code = compiled(name, shape)
    work, program = workload_of(code.graph), code.program
    layers = best_on(work.description, shape)[1].layers
    cycles = sum(count for _, count in descriptor_cycles(work, shape))
    assert cycles == pytest.approx(sum(program.predicted_cycles), rel=0.06 if name in REFERENCE else 0.08)
    assert estimate_rom_bits(layers, shape).total == pytest.approx(program.rom_bits.total, rel=0.06)
    exact = estimate_rom_bits(layers, shape, program.structure.widths)
    assert (exact.value, exact.index) == (program.rom_bits.value, program.rom_bits.index)
    assert exact.total == pytest.approx(program.rom_bits.total, rel=0.005)
    widths = estimate_widths(layers, shape)
    assert (widths.code, widths.offset) == (program.structure.code_bits, program.structure.offset_bits)
    assert max(layer.parameter_bits for layer in layers) == program.structure.parameter_bits


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", RANDOM)
def test_random_networks_to_fifteen_percent_and_a_first_placement_to_seven(name: int, shape: Shape) -> None:
    code = compiled(name, shape)
    work, exact = workload_of(code.graph), sum(code.program.predicted_cycles)
    for lists, within in ((None, 0.15), (first_lists(code.graph, shape, work), 0.07)):
        assert sum(count for _, count in descriptor_cycles(work, shape, lists)) == pytest.approx(exact, rel=within)
    layers = best_on(work.description, shape)[1].layers
    assert estimate_rom_bits(layers, shape).total == pytest.approx(code.program.rom_bits.total, rel=0.06)


@pytest.mark.parametrize("name", REFERENCE)
def test_widths_of_sums_are_near_the_interval_analysis(name: str) -> None:
    graph = compiled(name, Shape()).graph
    layers = {layer.name: layer for layer in workload_of(graph).layers}
    for op in graph.ops:
        interval = getattr(op, "accumulator", None)
        if interval is not None:
            assert -1 <= adder_bits(layers[op.name]) - signed_bits(interval.low, interval.high) <= 2, op.name


def test_a_shortcut_alone_has_widths_too() -> None:
    branch = Layer("a.shortcut", "shortcut", 16, 32, 16, 4, weights=512, kept=512, bits=8, walk=Walk(16, steps=4))
    assert estimate_widths([branch], Shape()).code == 8


def test_greatest_values_of_codes() -> None:
    assert [top_value("uniform", bits) for bits in (2, 4, 8)] == [1, 7, 127]
    assert [top_value("pot", bits) for bits in (3, 4)] == [4, 64]


def test_a_sum_is_never_shorter_than_its_gap_and_a_full_list_is_exact() -> None:
    full = Layer("a", "linear", 16, 8, 4, 4, planes=2, weights=128, kept=128, bits=4, walk=Walk(4, steps=4))
    assert sum_cycles(full, Shape(), 4) == 8  # sixteen channels in four banks, two planes
    assert sum_cycles(full, Shape(), 12) == 12
    empty = Layer("a", "linear", 16, 8, 4, 4, weights=128, kept=0, bits=4, walk=Walk(4, steps=4))
    assert sum_cycles(empty, Shape(), 0) == 1
