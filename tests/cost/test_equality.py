"""The cost model is the compiler: ROM bits and cycles of every descriptor are equal, from shapes and lists' lengths."""

import numpy as np
import pytest
from programs import COMMITTED, RANDOM, REFERENCE, ROOT, SHAPES, compiled, package

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.lower.lists import lengths
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Shape
from spikewright.compiler.workload import workload_of
from spikewright.compress.networks.account import workload_of as trained_workload
from spikewright.compress.networks.build import load_quantised
from spikewright.compress.recipe.reading import load_recipe
from spikewright.cost.estimate import neuron_rows
from spikewright.cost.gains import digits
from spikewright.cost.latency import descriptor_cycles
from spikewright.cost.rom import ROW_ENTRIES, rom_bits
from spikewright.cost.shape import signed_bits
from spikewright.sim.stimulus.random_graphs import random_graph
from spikewright.sim.stimulus.random_shapes import random_shape

CASES = [(name, shape) for name in (*REFERENCE, *RANDOM) for shape in SHAPES]
CASES += [(name, shape) for name in COMMITTED if name not in REFERENCE for shape in SHAPES[:2]]
IDS = [f"{name}-{s.tokens}x{s.steps}-{s.banks}-{s.streams}" for name, s in CASES]


@pytest.mark.parametrize(("name", "shape"), CASES, ids=IDS)
def test_rom_bits_are_those_of_the_images(name: str | int, shape: Shape) -> None:
    code = compiled(name, shape)
    work = workload_of(code.graph)
    rows = sum(neuron_rows(layer, shape) for layer in work.layers)
    bits = rom_bits(list(code.lists.values()), rows, shape, code.program.structure.widths)
    images = code.program.roms
    weights = [image for file, image in images.items() if file.startswith("weights_")]
    assert len(weights) == shape.walkers
    assert bits.value + bits.index + bits.padding == sum(image.bits for image in weights)
    assert bits.count == images["counts.hex"].bits
    assert bits.neuron == images["neurons.hex"].bits
    assert bits == code.program.rom_bits
    tensors = package(name).tensors
    entries = sum(int(np.count_nonzero(t)) for key, t in tensors.items() if key.endswith("codes"))
    entries += sum(len(digits(gain)) for key, t in tensors.items() if key.endswith("gain") for gain in t.tolist())
    assert bits.value == entries * code.program.structure.code_bits
    assert weights[0].memory.width == ROW_ENTRIES * code.program.structure.widths.entry


@pytest.mark.parametrize(("name", "shape"), CASES, ids=IDS)
def test_cycles_are_the_compilers_descriptor_by_descriptor(name: str | int, shape: Shape) -> None:
    code = compiled(name, shape)
    steps = [step for step in code.program.descriptors if step.kind is not Kind.END]
    descriptors = descriptor_cycles(workload_of(code.graph), shape, code.lists)
    assert descriptors == [(step.layer, step.cycles) for step in steps]


def test_a_finer_membrane_grid_costs_the_selector_cycles_as_it_does_in_the_compiler() -> None:
    name = next(n for n in RANDOM if any(op.kind == "select" for op in package(n).network.ops))
    graph = planned_graph(package(name))
    lowered = lower(graph, Shape(), 9)
    descriptors = descriptor_cycles(workload_of(graph, 9), Shape(), compiled(name, Shape()).lists)
    assert [cycles for _, cycles in descriptors] == [step.cycles for step in lowered.descriptors[:-1]]
    assert descriptors != descriptor_cycles(workload_of(graph), Shape(), compiled(name, Shape()).lists)


@pytest.mark.parametrize("name", REFERENCE)
def test_training_tells_what_the_compiler_sees(name: str) -> None:
    """Layers and copies of the trained network are those of its package: shapes, kept weights, formats, planes."""
    folder = ROOT / "packages" / name
    network = load_quantised(load_recipe(folder / "recipe.yaml"), folder / "quantised.safetensors")
    table = package(name).tensors["input.table"]
    trained = trained_workload(network, signed_bits(int(table.min()), int(table.max())))
    assert trained == workload_of(planned_graph(package(name)))


@pytest.mark.parametrize("tens", range(0, 200, 10))
def test_cycles_of_any_graph_are_the_compilers(tens: int) -> None:
    """Values that are read in any way: additions of their own and copies for attention are told, too."""
    kinds = set()
    for number in range(tens, tens + 10):
        graph = planned_graph(random_graph([1, number]).package)
        shape = random_shape(np.random.default_rng([2, number]))
        lowered = lower(graph, shape)
        work = workload_of(graph, lowered.fraction_bits)
        lists = {d.layer: lengths(d.outputs) for d in lowered.descriptors if d.outputs and not d.fields["gate"]}
        assert descriptor_cycles(work, shape, lists) == [(d.layer, d.cycles) for d in lowered.descriptors[:-1]]
        kinds |= {item.kind for item in work.items}
    assert {"conv", "linear", "halo", "windows", "pass"} <= kinds
