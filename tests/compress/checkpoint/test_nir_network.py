"""NIR graphs as networks: spikes by NIR's equations, exact packages, and every refusal."""

from collections.abc import Callable, Sequence
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from nir_graphs import DT, Floats, Simulated, chain, conv, flatten, integrator, lif, pool, read
from numpy.random import Generator

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_graph import HELD, MISSING, NirGraph, NirNode
from spikewright.compress.checkpoint.nir_network import NirPort, build_network, changed_spikes
from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.networks.build import exact, layer_names, quantise
from spikewright.compress.networks.export import export_network
from spikewright.models.graph import GraphOp, graph_of
from spikewright.sim.witness import assert_same

STEPS = 5
OPTIONS = {"steps": STEPS, "dt": DT, "reset": "zero", "compare": "ge"}
AVG, SUM = nir.AvgPool2d, nir.SumPool2d


def built(graph: NirGraph, **options: object) -> NirPort:
    return build_network(graph, **(OPTIONS | {"dtype": torch.float64} | options))  # type: ignore[arg-type]


def ops_of(port: NirPort) -> list[GraphOp]:
    return graph_of(port.network).ops


def kinds(port: NirPort) -> list[str]:
    return [op.kind for op in ops_of(port)]


def plain_cnn(rng: Generator) -> nir.NIRGraph:
    return chain(
        (2, 8, 4),
        conv(rng.normal(size=(5, 2, 3, 3)), rng.normal(size=5)),
        lif((5, 8, 4), tau=rng.uniform(2, 9, (5, 1, 1)) * DT, v_leak=rng.normal(size=(5, 1, 1)) / 9),
        pool(AVG),
        conv(rng.normal(size=(6, 5, 3, 3)) * 2, padding="same"),
        integrator((6, 4, 2), v_threshold=rng.uniform(0.5, 1.5, (6, 1, 1))),
        pool(SUM),
        conv(rng.normal(size=(7, 6, 1, 1)), rng.normal(size=7), padding="valid"),
        lif((7, 2, 1)),
        conv(rng.normal(size=(8, 7, 1, 1))),
        lif((8, 2, 1), r=1.3),
        flatten(),
        nir.Affine(np.repeat(rng.normal(size=(3, 8)), 2, axis=1), rng.normal(size=3)),
        classes=3,
    )


def perceptron(rng: Generator) -> nir.NIRGraph:
    return chain(
        (12,),
        nir.Linear(rng.normal(size=(9, 12)) / 2),
        lif((9,), tau=rng.uniform(2, 9, 9) * DT),
        nir.Scale(rng.uniform(0.5, 2, 9)),
        nir.Affine(rng.normal(size=(7, 9)), rng.normal(size=7)),
        nir.Scale(np.full(7, 1.7)),
        integrator((7,)),
        classes=7,
    )


def flattened_image(rng: Generator) -> nir.NIRGraph:
    return chain(
        (2, 3, 3),
        flatten(),
        nir.Affine(rng.normal(size=(9, 18)) / 2, rng.normal(size=9)),
        lif((9,), r=1.5),
        nir.Linear(rng.normal(size=(4, 9))),
        classes=4,
    )


def one_pixel(rng: Generator) -> nir.NIRGraph:
    """A residual membrane without a map: matrices and the identity meet in front of neurons."""
    nodes = {
        "input": nir.Input(np.array([6])),
        "a": nir.Linear(rng.normal(size=(5, 6))),
        "one": lif((5,)),
        "b": nir.Linear(rng.normal(size=(5, 5))),
        "two": lif((5,), r=1.5),
        "c": nir.Affine(rng.normal(size=(5, 5)), rng.normal(size=5)),
        "three": lif((5,)),
        "d": nir.Linear(rng.normal(size=(3, 5))),
        "output": nir.Output(np.array([3])),
    }
    edges = ["input a", "a one", "one b", "b two", "one two", "two c", "c three", "a three", "three d", "d output"]
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges], type_check=False)


def joined(rng: Generator) -> nir.NIRGraph:
    """Forks and joins on a map: identity, matrix, several of one value, adds, scales, and the image again."""
    shape = (4, 4, 4)
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])),
        "stem": conv(rng.normal(size=(4, 2, 3, 3))),
        "s1": lif(shape, r=1.2),
        "same": conv(rng.normal(size=(4, 4, 3, 3))),
        "s2": lif(shape),
        "wide": conv(rng.normal(size=(6, 4, 3, 3)), rng.normal(size=6)),
        "skip": conv(rng.normal(size=(6, 4, 1, 1)) * 2),
        "s3": lif((6, 4, 4), tau=rng.uniform(2, 5, (6, 1, 1)) * DT),
        "k1": conv(rng.normal(size=(4, 6, 1, 1))),
        "k2": conv(rng.normal(size=(4, 2, 1, 1))),
        "s4": integrator(shape),
        "more": conv(rng.normal(size=(4, 4, 3, 3))),
        "s6": lif(shape, r=1.5),
        "pool": pool(AVG),
        "last": conv(rng.normal(size=(4, 4, 3, 3)) * 2),
        "s5": lif((4, 2, 2), r=1.5),
        "pool2": pool(SUM),
        "flat": flatten(),
        "weigh": nir.Scale(np.array([0.5, 1.0, 1.5, 2.0])),
        "out": nir.Linear(rng.normal(size=(3, 4))),
        "output": nir.Output(np.array([3])),
    }
    edges = [
        "input stem", "stem s1", "s1 same", "same s2", "s1 s2", "s2 wide", "s1 skip", "wide s3", "skip s3", "s3 k1",
        "input k2", "k1 s4", "k2 s4", "s4 more", "more s6", "s1 s6",
        "s6 pool", "pool last", "last s5", "pool s5", "s5 pool2", "pool2 flat",
        "flat weigh", "weigh out", "out output",
    ]  # fmt: skip
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges], type_check=False)


def added(rng: Generator) -> nir.NIRGraph:
    """Spikes that meet in front of a synapse, and one value through two synapses."""
    shape = (4, 4, 4)
    nodes = {
        "input": nir.Input(np.array([1, 4, 4])),
        "c.1": conv(rng.normal(size=(4, 1, 3, 3))),
        "s.1": lif(shape),
        "c.2": conv(rng.normal(size=(4, 4, 3, 3))),
        "s.2": lif(shape),
        "c.3": conv(rng.normal(size=(4, 4, 3, 3)) / 2),
        "c.4": conv(rng.normal(size=(4, 4, 1, 1)) / 2),
        "s.3": lif(shape),
        "c.5": conv(rng.normal(size=(5, 4, 1, 1))),
        "s.4": lif((5, 4, 4)),
        "flat": flatten(),
        "out": nir.Affine(np.repeat(rng.normal(size=(2, 5)), 16, axis=1), rng.normal(size=2)),
        "output": nir.Output(np.array([2])),
    }
    edges = [
        "input c.1", "c.1 s.1", "s.1 c.2", "c.2 s.2", "s.1 c.3", "s.2 c.3", "s.1 c.4", "c.3 s.3", "c.4 s.3",
        "s.1 c.5", "s.2 c.5", "s.3 c.5", "c.5 s.4", "s.4 flat", "flat out", "out output",
    ]  # fmt: skip
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges], type_check=False)


GRAPHS = [plain_cnn, perceptron, flattened_image, one_pixel, joined, added]


def drawn_images(port: NirPort, seed: int, count: int = 3) -> Floats:
    """Whole numbers, as image codes are, ``[B, C, H, W]``."""
    size = port.network.size
    return np.random.default_rng(seed).integers(-3, 4, (count, size.channels, size.height, size.width)).astype(float)


def fired(port: NirPort, images: torch.Tensor) -> dict[str, Floats]:
    """Spikes by neuron node, ``[T, B, C, N]``."""
    found: dict[str, Floats] = {}
    by_op = {op: node for node, op in port.ops.items()}
    hooks = [
        op.neuron.register_forward_hook(
            lambda _m, _x, out, node=by_op[op.name]: found.update(
                {node: (out.flatten(3) if out.dim() == 5 else out.transpose(2, 3)).numpy()}
            )
        )
        for op in ops_of(port)
        if op.neuron is not None
    ]
    with torch.no_grad():
        found["scores"] = port.network(images).numpy()
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("draw", GRAPHS)
@pytest.mark.parametrize(
    ("reset", "compare", "rule"),
    [("zero", "ge", "euler"), ("subtract", "gt", "exponential"), ("subtract", "ge", "euler")],
)
def test_spikes_are_those_of_the_equations(
    draw: Callable[[Generator], nir.NIRGraph], reset: str, compare: str, rule: str, tmp_path: Path
) -> None:
    graph = draw(np.random.default_rng(7))
    port = built(read(graph, tmp_path), reset=reset, compare=compare, leak=rule)
    images = drawn_images(port, 1)
    found = fired(port, torch.from_numpy(images))
    shape = graph.nodes["input"].input_type["input"]
    rates = []
    for i, image in enumerate(images):
        run = Simulated(graph, [image.reshape(shape)] * STEPS, reset=reset, compare=compare, rule=rule)
        for node, spikes in run.spikes.items():
            expected = np.stack(spikes).reshape(STEPS, len(found[node][0, 0]), -1)
            assert np.array_equal(found[node][:, i], expected), node
            rates.append(expected.mean())
        np.testing.assert_allclose(found["scores"][i], np.mean(run.outputs, axis=0).reshape(-1), rtol=1e-9, atol=1e-12)
    assert set(port.ops) == set(run.spikes)
    assert 0.05 < np.mean(rates) < 0.95


def test_frames_are_read_step_by_step(tmp_path: Path) -> None:
    graph = joined(np.random.default_rng(3))
    port = built(read(graph, tmp_path))
    images = drawn_images(port, 2, count=STEPS)
    found = fired(port, torch.from_numpy(images)[:, None])
    run = Simulated(graph, list(images), reset="zero", compare="ge")
    for node, spikes in run.spikes.items():
        assert np.array_equal(found[node][:, 0], np.stack(spikes).reshape(found[node][:, 0].shape)), node


@pytest.mark.parametrize("draw", GRAPHS)
def test_packages_are_exact(draw: Callable[[Generator], nir.NIRGraph], tmp_path: Path) -> None:
    port = built(read(draw(np.random.default_rng(5)), tmp_path), reset="subtract", dtype=torch.float32)
    network, size = port.network, port.network.size
    network.scale_image(0.5)
    quantise(network, {name: QuantFormat("uniform", 6) for name in layer_names(network)})
    table = np.tile((np.arange(256) // 32 - 4).astype(np.int16), (size.channels, 1))
    package = export_network(
        exact(network), table, name="port", steps=STEPS, image=(size.height, size.width, size.channels), bits=4,
        signed=True,
    )  # fmt: skip
    pixels = np.random.default_rng(1).integers(0, 256, (4, size.height, size.width, size.channels), np.uint8)
    inputs = torch.from_numpy(table[0][pixels].astype(np.float64)).permute(0, 3, 1, 2)
    rates = assert_same(network, package, pixels, inputs)
    assert set(rates) == set(port.ops.values())
    assert 0.02 < np.mean(list(rates.values())) < 0.98


def test_the_ops_that_hold_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cnn = built(read(plain_cnn(rng), tmp_path))
    assert kinds(cnn) == ["conv", "pool", "conv", "pool", "linear", "linear", "head"]
    assert [op.function for op in ops_of(cnn) if op.kind == "pool"] == ["count", "count"]
    assert cnn.ops == {"n1": "n0", "n4": "n3", "n7": "n6", "n9": "n8"}
    assert kinds(built(read(perceptron(rng), tmp_path))) == ["conv", "linear", "head"]
    both = built(read(joined(rng), tmp_path))
    shortcuts = {op.name: op.shortcut for op in ops_of(both) if op.shortcut is not None}
    assert {name: source for name, (source, _) in shortcuts.items()} == {  # type: ignore[misc]
        "wide": "stem", "k1": "input", "more": "stem",
    }  # fmt: skip
    assert [branch.weight is None for _, branch in shortcuts.values()] == [False, False, True]  # type: ignore[misc]
    adds = [op.reads for op in ops_of(built(read(added(rng), tmp_path))) if op.kind == "add"]
    assert adds == [("c_1", "c_2"), ("c_1", "c_2"), ("c_5_add", "c_3")]


def test_a_matrix_keeps_the_pixels_that_are_asked_for_behind_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = chain(
        (2, 4, 4), conv(rng.normal(size=(3, 2, 1, 1))), lif((3, 4, 4)), conv(rng.normal(size=(3, 3, 1, 1))),
        lif((3, 4, 4)), pool(SUM), conv(rng.normal(size=(3, 3, 1, 1))), lif((3, 2, 2)),
        flatten(), nir.Linear(np.repeat(rng.normal(size=(2, 3)), 4, axis=1)), classes=2,
    )  # fmt: skip
    assert kinds(built(read(graph, tmp_path))) == ["conv", "conv", "pool", "linear", "head"]


def test_leaks_round_and_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    taus = np.reshape([2, 4, 3, 99], (4, 1, 1)) * DT
    graph = chain(
        (3, 4, 4), conv(rng.normal(size=(4, 3, 3, 3)) / 2), lif((4, 4, 4), tau=taus),
        pool(AVG), conv(rng.normal(size=(4, 4, 3, 3))), lif((4, 2, 2), tau=2 * DT, v_leak=0.1), pool(SUM), flatten(),
        nir.Linear(rng.normal(size=(2, 4))), classes=2,
    )  # fmt: skip
    port = built(read(graph, tmp_path))
    assert list(port.rounded) == ["n0"]
    np.testing.assert_allclose(port.rounded["n0"].given, [1 / 2, 3 / 4, 2 / 3, 98 / 99])
    assert port.rounded["n0"].rounded.tolist() == [0.5, 0.75, 0.6875, 1.0]
    assert port.notes == [
        "class scores are sums over all 5 timesteps, given as their mean; none counts more than another",
        "n0: leaks of node 'n1' round to 1, so that it forgets nothing",
        "n3: membranes begin at 0, not at v_leak",
    ]
    images = torch.from_numpy(drawn_images(port, 4, count=8))
    changed = changed_spikes(port.network, images)
    assert set(changed) == {"n0", "n3"}
    assert 0 < changed["n0"].changed < changed["n0"].of // 10
    assert changed["n0"].of == STEPS * 8 * 4 * 16
    plain = built(read(perceptron(rng), tmp_path), leak="euler")
    assert set(plain.rounded) == {"n0"}


def test_a_network_that_ends_in_a_neuron_counts_its_spikes(tmp_path: Path) -> None:
    port = built(read(perceptron(np.random.default_rng(0)), tmp_path))
    assert port.notes[-1] == "the network ends in node 'n5': its spikes are counted as the class scores"
    head = ops_of(port)[-1].part
    assert torch.equal(head.weight, torch.eye(7, dtype=torch.float64))  # type: ignore[arg-type]


def test_the_image_of_a_perceptron_is_one_pixel(tmp_path: Path) -> None:
    port = built(read(flattened_image(np.random.default_rng(0)), tmp_path))
    assert port.network.size == (1, 1, 18, 4, STEPS)
    assert (
        "the image is one pixel of 18 channels: give the numbers of an image in the order of channel, row, column"
        in (port.notes)
    )


def tiny(*nodes: nir.NIRNode, shape: Sequence[int] = (2, 4, 4), classes: int = 3) -> nir.NIRGraph:
    return chain(shape, *nodes, classes=classes)


C, L, W = conv(np.ones((2, 2, 3, 3))), lif((2, 4, 4)), np.ones((3, 2))
END = (pool(SUM), conv(np.ones((2, 2, 3, 3))), lif((2, 2, 2)), pool(SUM), flatten(), nir.Linear(W))
PIX = "weighs the pixels of a flattened map each by its own weights"
UNEVEN = np.arange(32.0).reshape(2, 4, 4) + 1


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ((conv(np.ones((2, 2, 5, 5)), padding=2), L, *END), "node 'n0': its weight has shape 2x2x5x5; allowed are"),
        ((conv(np.ones((2, 2, 3, 3)), stride=2), L, *END), "node 'n0': its stride is (2, 2); allowed is 1 where the"),
        ((conv(np.ones((2, 2, 3, 3)), padding="valid"), L, *END), "node 'n0': its padding is (0, 0); allowed is 1"),
        ((conv(np.ones((2, 2, 1, 1)), padding=1), L, *END), "node 'n0': its padding is (1, 1); allowed is 0 where the"),
        ((conv(np.ones((2, 2, 3, 3)), dilation=2), L, *END), "node 'n0': its dilation is (2, 2); allowed is 1 where"),
        ((conv(np.ones((2, 1, 3, 3)), groups=2), L, *END), "node 'n0': has [2] groups; allowed is 1"),
        (
            (conv(np.ones((2, 3, 3, 3))), L, *END),
            "node 'n0': reads 2x4x4, but its weight is 2x3x3x3; they do not chain",
        ),
        ((conv(np.ones((2, 2, 3, 3)), input_shape=(8, 8)), L, *END), "node 'n0': its input_shape is 8x8, but it reads"),
        ((conv(np.ones((2, 2, 3, 3)), np.ones(3)), L, *END), "node 'n0': its bias has shape 3; allowed is 2"),
        ((conv(np.full((2, 2, 3, 3), np.nan)), L, *END), "node 'n0': its weight holds what is no finite number"),
        ((C, lif((2, 4, 4), v_threshold=0), *END), "node 'n1': its v_threshold is 0; allowed is what is above 0"),
        ((C, lif((2, 4, 4), v_threshold=np.inf), *END), "node 'n1': its v_threshold holds what is no finite number"),
        ((C, lif((2, 4, 4), v_reset=-0.5), *END), "node 'n1': its v_reset is -0.5; allowed is 0, to which every"),
        ((C, lif((2, 4, 4), tau=DT / 2), *END), "node 'n1': its tau is 5e-05; allowed is at least --dt, 0.0001, so"),
        ((C, lif((2, 4, 4), r=0), *END), "node 'n1': its r is 0; allowed is what is above 0"),
        ((C, lif((2, 4, 4), tau=UNEVEN), *END), "node 'n1': its tau differs between pixels of one channel; allowed is"),
        (
            (C, lif((2, 3, 3)), *END),
            "node 'n1': its v_threshold has shape 2x3x3, but it reads 2x4x4; they must be equal",
        ),
        (
            (C, L, pool(AVG, 4, 4), *END),
            "node 'n2': has kernel, stride, padding ((4, 4), (4, 4), (0, 0)); allowed are 2",
        ),
        ((C, L, pool(SUM, 3, 2, 1), *END), "node 'n2': has kernel, stride, padding ((3, 3), (2, 2), (1, 1)); allowed"),
        ((C, pool(AVG), L, *END), "node 'n1': reads what are no spikes; a pool stands behind a LIF or an IF"),
        (
            (C, L, pool(SUM), pool(SUM), *END),
            "node 'n3': reads what are no spikes; a pool stands behind a LIF or an IF",
        ),
        ((pool(SUM), *END), "node 'n0': reads what are no spikes; a pool stands behind a LIF or an IF"),
        ((C, C, L, *END), "node 'n1': reads sums that no neuron has taken; a LIF or an IF must stand between two"),
        ((C, L, nir.Linear(np.ones((3, 2)))), "node 'n2': reads 2x4x4; allowed is one axis: put a Flatten in front"),
        (
            (C, L, flatten(), nir.Linear(np.ones((3, 2)))),
            "node 'n3': reads 32, but its weight is 3x2; they do not chain",
        ),
        (
            (C, L, flatten(1), nir.Linear(np.ones((3, 32)))),
            "node 'n2': flattens axes 1 to -1 of 2x4x4; allowed is 0 to",
        ),
        ((C, L, flatten(), nir.Linear(np.arange(96.0).reshape(3, 32))), f"node 'n3': {PIX}"),
        ((C, L, flatten(), nir.Linear(np.ones((3, 32))), lif((3,))), f"node 'n4': what it reads {PIX}"),
        ((C, L, flatten(), nir.Linear(np.ones((2, 3, 32)))), "node 'n3': its weight has shape 2x3x32; allowed are two"),
        ((C, L, nir.Scale(-np.ones((2, 4, 4))), *END), "node 'n2': its scale is -1; allowed is what is above 0"),
        ((C, L, nir.Scale(UNEVEN), *END), "node 'n2': its scale differs between pixels of one channel; allowed is one"),
        ((C, L, conv(np.ones((3, 2, 3, 3)))), "node 'n2': gives 3x4x4; class scores have no pixels: pool the map to"),
        (
            (conv(np.ones((3, 2, 3, 3))), lif((3, 4, 4))),
            "node 'n1': gives 3x4x4; class scores have no pixels: pool the",
        ),
        ((flatten(), nir.Linear(np.ones((3, 32)))), "node 'n1': no neuron stands between the image and it; a head"),
        ((C, L, *END[:-1], nir.Linear(np.ones((4, 2)))), "node 'output': its shape is [3], but 'n7' gives 4"),
    ],
)
def test_nodes_that_are_refused(nodes: tuple[nir.NIRNode, ...], sentence: str) -> None:
    graph = plainly(tiny(*nodes))
    with pytest.raises(CheckpointError) as raised:
        built(graph)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_an_odd_map_cannot_be_pooled() -> None:
    graph = plainly(tiny(conv(np.ones((3, 2, 3, 3))), lif((3, 3, 4)), pool(SUM), shape=(2, 3, 4)))
    with pytest.raises(CheckpointError, match="node 'n2': reads 3x3x4; allowed is an even number of rows and columns"):
        built(graph)


def joins(edges: str, **nodes: nir.NIRNode) -> nir.NIRGraph:
    """Three convolutions of the image with their neurons, in front of what is given; it ends in ``last``."""
    shape = (2, 2, 2)
    all_nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(shape))}
    pairs = []
    for i in "123":
        all_nodes |= {f"c{i}": conv(np.ones((2, 2, 3, 3))), f"s{i}": lif(shape)}
        pairs += [("input", f"c{i}"), (f"c{i}", f"s{i}")]
    all_nodes |= nodes
    all_nodes |= {
        "end": lif(shape), "p": pool(SUM), "flat": flatten(), "last": nir.Linear(np.ones((3, 2))),
        "output": nir.Output(np.array([3])),
    }  # fmt: skip
    pairs += [("end", "p"), ("p", "flat"), ("flat", "last"), ("last", "output")]
    pairs += [(a, b) for a, b in (edge.split() for edge in edges.split(", "))]
    return nir.NIRGraph(all_nodes, pairs, type_check=False)


A, B, K = (conv(np.ones((2, 2, n, n))) for n in (3, 3, 1))


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (joins("s1 end, s2 end, s3 end"), "node 'end': 3 values meet in front of it (c1, c2, c3); allowed are two"),
        (joins("s1 a, s2 b, a end, b end, s3 k, k end", a=A, b=B, k=K), "node 'end': 3 values meet in front of it"),
        (joins("s1 a, s2 b, a end, b end, s3 last", a=A, b=B), "node 'end': two 3x3 convolutions meet in front of it"),
        (
            joins("s1 w, w a, s2 a, s3 a, a end", a=A, w=nir.Scale(np.full((2, 2, 2), 2.0))),
            "node 'a': 'c1' and 'c2' meet",
        ),
        (joins("s1 a, input a, s2 a, s3 a, a end", a=A), "node 'a': 'input' and 'c1' meet in front of it; the image"),
        (joins("s1 f, s2 f, s3 f, f end", f=nir.Scale(np.ones((2, 2, 2)))), "node 'f': 3 values meet in front of it;"),
        (joins("s1 a, s2 a, a end", a=A), "node 's3': nothing reads what it makes; allowed are nodes that lead to the"),
        (joins("s1 a, s2 a, s3 a, a end, k end", a=A, k=K), "node 'k': reads nothing"),
        (
            joins("s1 a, s2 a, s3 a, a end, end a", a=A),
            "node 'a': its spikes come back to it; recurrence cannot be held",
        ),
        (joins("s1 a, s2 a, s3 a, a end, zzz end", a=A), "edge 'zzz' to 'end': there is no node 'zzz'"),
        (joins("s1 a, s2 a, s3 a, a end, a end", a=A), "edge 'a' to 'end': is told twice; once is allowed"),
        (
            joins("s1 a, s2 a, s3 a, a end, s3 p", a=A),
            "node 'p': 2 values meet in front of it; allowed are neurons and",
        ),
        (
            joins("s1 a, s2 a, s3 a, a end, s1 input", a=A),
            "node 's1': its spikes come back to it; recurrence cannot be",
        ),
        (joins("s1 a, s2 a, s3 a, a end", a=A, o=nir.Output(np.array([3]))), "the graph has 2 nodes of kind Output;"),
    ],
)
def test_joins_that_are_refused(graph: nir.NIRGraph, sentence: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        built(plainly(graph))
    assert str(raised.value).startswith(sentence)


def plainly(graph: nir.NIRGraph) -> NirGraph:
    """A graph without a file, as its own numbers."""
    nodes = {}
    for name, node in graph.nodes.items():
        fields = {key: value for key, value in node.to_dict().items() if key not in ("type", "metadata", "input_type")}
        texts = {key: value for key, value in fields.items() if isinstance(value, str)}
        arrays = {key: np.asarray(v) for key, v in fields.items() if key not in texts and v is not None}
        nodes[name] = NirNode(type(node).__name__, arrays, texts)
    return NirGraph(nodes, list(graph.edges))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": None}, "NIR does not tell how many timesteps an image takes: give --steps"),
        ({"steps": 65}, "--steps must be from 1 to 64, not 65"),
        ({"dt": None}, "NIR tells no timestep, and neurons need one: give --dt, in the units of tau (often 1e-4)"),
        ({"dt": 0.0}, "--dt must be above 0, not 0.0"),
        ({"reset": None}, "NIR does not tell how neurons are reset: give --reset, zero or subtract"),
        ({"reset": "late"}, "--reset must be zero or subtract, not 'late'"),
        ({"compare": None}, "NIR does not tell whether a membrane at the threshold fires: give --compare, ge or gt"),
        ({"compare": "lt"}, "--compare must be ge or gt, not 'lt'"),
        ({"leak": "none"}, "leak must be euler or exponential, not 'none'"),
        ({"input_shape": (1, 4, 4)}, "node 'input': its shape is 2x4x4, not the 1x4x4 of --input-shape"),
    ],
)
def test_what_a_file_leaves_open_is_asked_for(options: dict[str, object], sentence: str) -> None:
    graph = plainly(tiny(C, L, *END))
    with pytest.raises(CheckpointError) as raised:
        built(graph, **options)
    assert str(raised.value) == sentence


def test_the_shape_of_the_image_is_given_where_the_file_has_none() -> None:
    graph = plainly(tiny(C, L, *END))
    nodes = dict(graph.nodes) | {"input": NirNode("Input")}
    with pytest.raises(
        CheckpointError, match="node 'input': has no shape: give the image's, channels, rows and columns"
    ):
        built(NirGraph(nodes, graph.edges))
    assert built(NirGraph(nodes, graph.edges), input_shape=(2, 4, 4)).network.size == (4, 4, 2, 3, STEPS)
    nodes["input"] = NirNode("Input", {"shape": np.array([1, 2, 4, 4])})
    with pytest.raises(CheckpointError, match=r"node 'input': its shape is \[1, 2, 4, 4\]; allowed are channels, rows"):
        built(NirGraph(nodes, graph.edges))


@pytest.mark.parametrize("kind", [*MISSING, "Softmax"])
def test_kinds_that_cannot_be_held(kind: str) -> None:
    nodes = {"input": NirNode("Input"), "x": NirNode(kind), "output": NirNode("Output")}
    with pytest.raises(
        CheckpointError, match=f"node 'x': a {kind} cannot be held: .*allowed|train again|this one has not"
    ):
        built(NirGraph(nodes, [("input", "x"), ("x", "output")]))
    assert kind not in HELD


def test_names_of_nodes_become_names_of_ops() -> None:
    graph = tiny(C, L, *END)
    odd = {"n0": "forward", "n1": "a/b", "n3": "_x", "n4": "ü.0", "n7": "n" * 90}
    renamed = nir.NIRGraph(
        {odd.get(name, name): node for name, node in graph.nodes.items()},
        [(odd.get(a, a), odd.get(b, b)) for a, b in graph.edges],
        type_check=False,
    )
    port = built(plainly(renamed))
    assert [op.name for op in ops_of(port)] == ["op_forward", "n2", "op__x", "n5", "n" * 60]
    assert port.ops == {"a/b": "op_forward", "ü.0": "op__x"}
