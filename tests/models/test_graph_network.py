"""Networks made from graphs: paths, refusals, and random graphs bit-exact against the golden model."""

import copy
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.random import Generator
from torch import nn

from spikewright.compress.methods.quantise import QuantFormat, Quantised
from spikewright.compress.networks.build import exact, layer_names, quantise
from spikewright.compress.networks.export import export_network
from spikewright.compress.run.factory_check import check_network, check_training
from spikewright.models.channel_neuron import ChannelLIF
from spikewright.models.graph import IMAGE, GraphOp, Norm, Size, graph_of
from spikewright.models.graph_network import GraphNetwork
from spikewright.models.layers import Conv3, Dense, Shortcut
from spikewright.models.neurons import LIF, Compare, Reset
from spikewright.models.package import Package
from spikewright.models.spikformer import Head
from spikewright.sim.golden import run as golden
from spikewright.sim.witness import assert_same

STEPS = 3


class Draft:
    """A graph that is drawn op after op."""

    def __init__(self, seed: int) -> None:
        self.rng: Generator = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.ops: list[GraphOp] = []

    def neuron(self, channels: int, tail: int, *, whole: bool = False) -> LIF:
        reset: Reset = self.rng.choice(["hard", "soft"])
        compare: Compare = self.rng.choice(["ge", "gt"])
        size = int(self.rng.choice([1, channels]))
        leak = torch.from_numpy(self.rng.integers(0, 17, size) / 16).float()
        level = torch.from_numpy(self.rng.uniform(0.3, 1.2, channels)).float()
        if whole:
            level = level.round() + 1
        return ChannelLIF(leak, level, tail=tail, reset=reset, compare=compare, whole=whole)

    def norm(self, kind: type[Norm], channels: int) -> Norm:
        norm = kind(channels)
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        assert norm.running_var is not None
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
        return norm

    def add(self, kind: Literal["pool", "add"], name: str, *reads: str, **rest: object) -> str:
        self.ops.append(GraphOp(kind, name, reads, **rest))  # type: ignore[arg-type]
        return name

    def conv(self, name: str, source: str, inputs: int, outputs: int, joined: tuple[str, int] | None = None) -> str:
        synapse = Conv3(inputs, outputs, bias=bool(self.rng.integers(2)))
        nn.init.normal_(synapse.weight, std=0.3)
        norm = self.norm(nn.BatchNorm2d, outputs) if joined is None and self.rng.integers(2) else None
        branch = None if joined is None else (joined[0], Shortcut(joined[1], outputs))
        neuron = self.neuron(outputs, 2)
        self.ops.append(GraphOp("conv", name, (source,), synapse, norm, neuron, branch))
        return name

    def linear(self, name: str, source: str, inputs: int, outputs: int) -> str:
        synapse = Dense(inputs, outputs, bias=bool(self.rng.integers(2)))
        nn.init.normal_(synapse.weight, std=0.5)
        norm = self.norm(nn.BatchNorm1d, outputs) if self.rng.integers(2) else None
        self.ops.append(GraphOp("linear", name, (source,), synapse, norm, self.neuron(outputs, 0)))
        return name

    def network(self) -> GraphNetwork:
        """Every kind of op, with both kinds of shortcut, of spikes and of the image."""
        a, b = (int(n) for n in self.rng.integers(3, 7, 2))
        x = self.conv("stem.first", IMAGE, 2, a)
        x = self.add("pool", "stem.pool", x, function=str(self.rng.choice(["or", "count"])))
        y = self.conv("body.0", x, a, a)
        same = self.conv("body.1", y, a, a, (x, a))
        wider = self.conv("body.2", same, a, b, (y, a))
        stream = self.add("add", "sum", same, y, limit=int(self.rng.choice([1, 3])))
        z = self.linear("mix.q", stream, a, 2 * b)
        k = self.linear("mix.k", wider, b, 2 * b)
        v = self.linear("mix.v", stream, a, 2 * a)
        mixed = GraphOp("attention", "mix.attn", (z, k, v), neuron=self.neuron(2 * a, 0, whole=True), heads=2)
        self.ops.append(mixed)
        out = self.linear("mix.proj", mixed.name, 2 * a, a)
        stream = self.add("add", "sum2", stream, out)
        last = self.conv("body.3", same, a, a, (out, a))
        total = self.add("add", "sum3", stream, last)
        self.ops.append(GraphOp("head", "head", (total,), Head(a, 5)))
        return GraphNetwork(self.ops, "head", Size(8, 4, 2, 5, STEPS))


def packaged(network: GraphNetwork, *, frames: bool = False) -> tuple[Package, torch.Tensor]:
    """A network's package in 4 bits, and its table of image codes."""
    size = network.size
    quantise(network, {name: QuantFormat("uniform", 4) for name in layer_names(network)})
    table = np.tile((np.arange(256) // 32 - 4).astype(np.int16), (size.channels, 1))
    package = export_network(
        exact(network), table, name="drawn", steps=size.steps, image=(size.height, size.width, size.channels),
        bits=4, signed=True, frames=frames,
    )  # fmt: skip
    return package, torch.from_numpy(table.astype(np.int64))


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_compute_what_their_packages_do(seed: int) -> None:
    frames = seed % 3 == 0
    network = Draft(seed).network()
    package, table = packaged(network, frames=frames)
    pixels = np.random.default_rng(seed).integers(0, 256, (4, STEPS, 8, 4, 2) if frames else (4, 8, 4, 2), np.uint8)
    codes = table[0][torch.from_numpy(pixels).long()].double()
    inputs = codes.permute(1, 0, 4, 2, 3) if frames else codes.permute(0, 3, 1, 2)
    rates = assert_same(network, package, pixels, inputs)
    assert set(rates) == {op.name for op in graph_of(network).ops if op.neuron is not None}
    assert sum(0.02 < rate < 0.98 for rate in rates.values()) > len(rates) / 2, rates


def test_an_image_joins_sums_of_spikes_and_of_itself() -> None:
    draft = Draft(5)
    x = draft.conv("a", IMAGE, 2, 3, (IMAGE, 2))
    draft.conv("b", x, 3, 2, (IMAGE, 2))
    draft.ops.append(GraphOp("head", "head", ("b",), Head(2, 3)))
    network = GraphNetwork(draft.ops, "head", Size(4, 4, 2, 3, STEPS))
    pixels = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 2), np.uint8)
    inputs = (torch.from_numpy(pixels).permute(0, 3, 1, 2).long() // 32 - 4).float()
    with torch.no_grad():
        as_codes = network(inputs)
        copied = copy.deepcopy(network)
        copied.scale_image(1 / 4)
        torch.testing.assert_close(copied(inputs * 4), as_codes)
    package, table = packaged(copied)
    assert_same(copied, package, pixels, table[0][torch.from_numpy(pixels).long()].double().permute(0, 3, 1, 2))


def test_what_one_unit_of_the_image_is_worth() -> None:
    network = Draft(3).network()
    images = torch.randint(-4, 4, (2, 2, 8, 4)).float()
    with torch.no_grad():
        wanted = network(images)
        network.scale_image(0.25)
        assert torch.equal(network(images * 4), wanted)
    assert network.get_submodule("stem.first").input_scale == 0.25


def test_paths_and_keys_are_those_of_the_ops() -> None:
    network = Draft(0).network()
    names = {op.name for op in graph_of(network).ops if op.module is not None}
    assert set(layer_names(network)) == names
    owners = {key.rpartition(".")[0] for key in network.state_dict()}
    assert owners <= {f"{name}{suffix}" for name in names for suffix in ("", "_bn", "_shortcut")}
    assert "stem.first.weight" in network.state_dict()
    keys = list(network.state_dict())
    packaged(network)
    assert [key for key in network.state_dict() if not key.endswith("step")] == keys
    assert isinstance(graph_of(copy.deepcopy(network)).ops[0].module, Quantised)


def test_a_recipe_takes_it_as_a_network_of_a_factory() -> None:
    def build() -> GraphNetwork:
        return Draft(2).network()

    check_network(build(), "drawn")
    check_training(build, torch.zeros(2, 2, 8, 4), torch.tensor([0, 1]), "drawn", copied=True)


def head(source: str, name: str = "head") -> GraphOp:
    return GraphOp("head", name, (source,), Head(2, 2))


def conv(name: str, source: str = IMAGE) -> GraphOp:
    return GraphOp("conv", name, (source,), Conv3(2, 2), None, LIF())


@pytest.mark.parametrize(
    ("ops", "sentence"),
    [
        ([], "the last op must be the head, and the output 'head' its name"),
        ([conv("a")], "the last op must be the head, and the output 'head' its name"),
        ([conv("a"), head("a", "b")], "the last op must be the head, and the output 'head' its name"),
        ([conv("a"), conv("a", "a"), head("a")], "a: the name is used twice, or the image's; each op has one of its"),
        ([conv("input"), head("input")], "input: the name is used twice, or the image's; each op has one of its own"),
        ([conv("a", "b"), head("a")], "a: reads 'b', which no earlier op makes"),
        ([head(IMAGE)], "head: a head cannot read the image; only a conv can"),
        ([GraphOp("add", "a", (IMAGE,)), head("a")], "a: a add reads 2 values, not 1"),
        ([GraphOp("select", "a", (IMAGE,)), head("a")], "a: a select cannot stand in a GraphNetwork; allowed are conv"),
        ([conv("a"), conv("a.b", "a"), head("a.b")], "a.b: 'a' on its way is no name that a network can give"),
        ([conv("run.b"), head("run.b")], "run.b: 'run' on its way is no name that a network can give"),
        ([conv("a..b"), head("a..b")], "a..b: '' on its way is no name that a network can give"),
        ([conv("forward"), head("forward")], "forward: the path is taken; each module of an op needs one of its own"),
        ([conv("a.b"), conv("a", "a.b"), head("a")], "a: the path is taken; each module of an op needs one of its own"),
        ([conv("a"), conv("a_lif", "a"), head("a_lif")], "a_lif: the path is taken; each module of an op needs one"),
    ],
)
def test_graphs_that_are_no_networks(ops: list[GraphOp], sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace(".", r"\.")):
        GraphNetwork(ops, "head", Size(4, 4, 2, 2, STEPS))


def test_the_golden_model_reads_the_leak_of_each_channel() -> None:
    network = Draft(1).network()
    package, _ = packaged(network)
    leaks = [op.neuron.leak for op in package.network.ops if op.kind in ("conv", "linear", "attention")]
    assert None in leaks
    assert golden(package, np.zeros((1, 8, 4, 2), np.uint8)).scores.shape == (1, 5)
