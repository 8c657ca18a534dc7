"""Modules with weights are found by what the graph tells, however the ops are called."""

import pytest
import torch
from torch import Tensor, nn

from spikewright.compress.methods.masks import block_matrices, prunable
from spikewright.compress.methods.quantise import QuantDense, QuantFormat, QuantShortcut
from spikewright.compress.methods.synapses import Synapse, synapses
from spikewright.compress.networks.build import quantise
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.graph import IMAGE, Builder, Result, Size, SpikingNetwork
from spikewright.models.layers import Conv3, Dense
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Head


class Odd(SpikingNetwork):
    """Its ops are called otherwise than its modules, and it has a layer that no op uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.unused = Conv3(1, 8), Dense(8, 8)
        self.trunk = nn.Sequential(Dense(8, 12), Dense(12, 8))
        self.neuron, self.out = LIF(), Head(8, 10)

    @property
    def size(self) -> Size:
        return Size(4, 4, 1, 10, 2)

    def run(self, images: Tensor) -> Result:
        x = self.stem.drive(images[None], None, self.neuron, steps=2).flatten(3).transpose(2, 3)
        for layer in self.trunk:
            x = layer.drive(x, None, self.neuron)  # type: ignore[operator, union-attr]
        return Result(self.out.read(x, None), [])

    def describe(self, to: Builder) -> str:
        value = to.conv("eyes", IMAGE, self.stem, None, self.neuron)
        value = to.linear("wide", value, self.trunk[0], None, self.neuron)
        value = to.linear("narrow", value, self.trunk[1], None, self.neuron)
        return to.head("answer", value, self.out)


def test_ops_are_joined_with_modules_by_identity() -> None:
    assert synapses(Odd()) == [
        Synapse("eyes", "conv", "stem", reads_image=True), Synapse("wide", "linear", "trunk.0"),
        Synapse("narrow", "linear", "trunk.1"), Synapse("answer", "head", "out"),
    ]  # fmt: skip


def test_l1p_prunes_the_linear_layers_of_a_users_network() -> None:
    network = Odd()
    assert list(block_matrices(network)) == ["trunk.0.weight", "trunk.1.weight"]
    assert "unused.weight" in prunable(network)
    with pytest.raises(ValueError, match="l1p prunes the matrices of a transformer's blocks, but the network has none"):
        block_matrices(ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.05)))


def test_quantised_modules_are_found_where_the_plain_ones_were() -> None:
    network = Odd()
    before = synapses(network)
    quantise(network, {s.path: QuantFormat("uniform", 4) for s in before})
    assert synapses(network) == before
    assert isinstance(network.trunk[0], QuantDense)
    assert type(network.unused) is Dense


def test_a_shortcut_is_known_to_the_convolution_that_it_meets() -> None:
    torch.manual_seed(0)
    network = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.05, steps=2))
    to_spiking(network)
    branches = {s.path: s.shortcut for s in synapses(network)}
    met = {path: branch for path, branch in branches.items() if branch is not None}
    assert met == {f"unit.{i}.synapse": f"unit.{i}.shortcut" for i in (4, 6, 8, 10)}
    quantise(network, {path: QuantFormat("uniform", 4) for path in branches})
    for conv, branch in met.items():
        short = network.get_submodule(branch)
        assert isinstance(short, QuantShortcut)
        assert torch.equal(short.step, network.get_submodule(conv).step)  # type: ignore[arg-type]


def test_a_module_that_is_not_the_networks_is_refused_by_the_ops_name() -> None:
    network = Odd()
    strange = Dense(8, 12)
    network.describe = lambda to: to.linear("wide", IMAGE, strange, None, LIF())  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"^wide: its Dense is no submodule of the network$"):
        synapses(network)
