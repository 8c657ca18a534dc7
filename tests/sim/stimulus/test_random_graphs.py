"""Random graphs: valid, alive, the same for the same seed, and over the whole format."""

import hashlib
from collections import Counter
from functools import cache

import numpy as np

from spikewright.models.package import AttentionOp, ConvOp, Scheme, SelectOp, shapes, write_package
from spikewright.sim import golden
from spikewright.sim.campaign.tally import layers_of
from spikewright.sim.stimulus.graph_images import graph_images
from spikewright.sim.stimulus.random_graphs import random_graph
from spikewright.sim.stimulus.random_shapes import random_shape, spread_shape

COUNT = 150


@cache
def graphs():
    return [random_graph([5, number]) for number in range(COUNT)]


def ops(kind=None):
    return [op for graph in graphs() for op in graph.package.network.ops if kind is None or isinstance(op, kind)]


def test_alive():
    layers = Counter()
    for graph in graphs()[:70]:
        layers += layers_of(graph.package, golden.run(graph.package, graph.images))
    assert layers["alive"] >= 0.85 * layers.total(), layers
    assert layers["dead"] >= 0.02 * layers.total()
    assert layers["always"] >= 0.005 * layers.total()


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", [1, 8]), ("b", [1, 8]), ("c", [1, 9])):
        write_package(random_graph(seed).package, tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_a_graph_is_the_same_on_any_machine(tmp_path):
    """Seeds of failures are handed on: what they draw changes only on purpose."""
    digest = hashlib.sha256()
    for number in range(8):
        graph = random_graph([1, number])
        write_package(graph.package, tmp_path / "package")
        digest.update((tmp_path / "package").read_bytes() + graph.images.tobytes())
    assert digest.hexdigest()[:16] == "dc2c055b1d3faed6"


def test_what_is_read_where():
    read = Counter()
    for graph in graphs():
        network = graph.package.network
        kinds = {"input": "input"} | {op.name: op.kind for op in network.ops}
        counts = Counter(name for op in network.ops for name in op.reads)
        read.update(f"{op.kind} of {kinds[name]}" for op in network.ops for name in op.reads)
        read["image again"] += counts["input"] > 1
        read["unread"] += len(network.ops) - 1 - len(set(counts) - {"input"})
        read["read by several"] += sum(count > 1 for count in counts.values())
        read["add of itself"] += sum(op.kind == "add" and op.inputs[0] == op.inputs[1] for op in network.ops)
        read["query is key is value"] += sum(
            isinstance(op, AttentionOp) and op.query == op.key == op.value for op in network.ops
        )
        read["several selectors"] += sum(op.kind == "select" for op in network.ops) > 1
    kinds = ("conv", "pool", "add", "linear", "attention", "select")
    wanted = {f"{op} of {kind}" for op in ("linear", "select", "add", "head") for kind in kinds}
    wanted |= {f"attention of {kind}" for kind in ("conv", "pool", "linear", "attention", "select")}
    wanted |= {"conv of input", "conv of conv", "conv of pool", "conv of add", "pool of conv", "pool of pool"}
    wanted |= {
        "image again",
        "unread",
        "read by several",
        "add of itself",
        "query is key is value",
        "several selectors",
    }
    assert not {what for what in wanted if not read[what]}


def test_numbers_reach_their_ends():
    networks = [graph.package.network for graph in graphs()]
    values = [shape for network in networks for shape in shapes(network).values()]
    assert {(network.input.bits, network.input.signed) for network in networks} == {
        (bits, signed) for bits in range(1, 9) for signed in (True, False)
    }
    assert max(network.steps for network in networks) >= 12
    assert {network.steps for network in networks} >= set(range(1, 7))
    assert max(shape.channels for shape in values) > 100
    assert min(shape.channels for shape in values) == 1
    assert max(shape.tokens for shape in values) > 64
    assert any(network.input.height == network.input.width == 1 for network in networks)
    assert any(network.input.height != network.input.width for network in networks)
    assert {op.heads for op in ops(AttentionOp)} >= set(range(1, 6))
    forms = {(op.weights.scheme, op.weights.bits) for op in ops(ConvOp)}
    assert forms == {*((Scheme.POT, bits) for bits in (3, 4)), *((Scheme.UNIFORM, bits) for bits in range(2, 9))}
    assert {op.keep == 1 for op in ops(SelectOp)} == {True, False}
    thresholds = [t for graph in graphs() for n, t in graph.package.tensors.items() if "threshold" in n]
    assert any((t == (1 << 31) - 1).any() for t in thresholds)
    biases = [t for graph in graphs() for n, t in graph.package.tensors.items() if n.endswith(".bias")]
    assert any((t == -(1 << 31)).any() for t in biases)


def test_everything_that_a_package_may_hold():
    neurons = [op.neuron for op in ops() if hasattr(op, "neuron")]
    assert len({(neuron.reset, neuron.compare) for neuron in neurons}) == 4
    assert {neuron.leak for neuron in neurons} >= {None, *range(17)} - {15}
    assert {graph.package.network.input.frames for graph in graphs()} == {True, False}
    assert {op.shortcut.through for op in ops(ConvOp) if op.shortcut} == {"matrix", "gain"}
    assert any(op.kind == "pool" and op.function == "count" for op in ops())
    assert any(op.kind == "add" and op.limit for op in ops())


def test_images_fit():
    for graph in graphs()[:40]:
        form, steps = graph.package.network.input, graph.package.network.steps
        frames = (steps,) if form.frames else ()
        assert graph.images.shape == (3, *frames, form.height, form.width, form.channels)
        assert graph_images(np.random.default_rng(1), 2, form, steps).dtype == np.uint8


def test_shapes():
    rng = np.random.default_rng(1)
    drawn = [random_shape(rng) for _ in range(400)]
    assert {shape.banks for shape in drawn} == set(range(1, 9))
    assert {shape.steps for shape in drawn} == set(range(1, 9))
    assert {2, 64} <= {shape.tokens for shape in drawn}
    spread = [spread_shape(rng, number) for number in range(16)]
    assert {shape.banks for shape in spread} == set(range(1, 9))
    assert {shape.steps for shape in spread} == set(range(1, 9))
    assert {shape.tokens % 2 for shape in spread} == {0, 1}
    for banks in range(2, 9):
        of_banks = [shape for shape in spread if shape.banks == banks]
        assert {shape.skip for shape in of_banks} == {True, False}
        assert {shape.streams for shape in of_banks} == {1, 2}
