"""Dense work: the figures of paper 1, and the shapes that the cost model is told."""

from pathlib import Path
from typing import cast

import pytest
import torch

from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.quantise import SHORTCUT_FORMAT, QuantFormat, Quantised
from spikewright.compress.methods.selector_controls import FiringRateSelector
from spikewright.compress.methods.tokens import TokenSelector, keep_counts
from spikewright.compress.networks.account import compression_of, layers_of
from spikewright.compress.networks.build import layer_names, load_quantised, quantise
from spikewright.compress.networks.export import export_network, weight_statistics
from spikewright.compress.recipe.reading import load_recipe
from spikewright.cost.estimate import neuron_rows
from spikewright.cost.rows import LEAK_BITS
from spikewright.cost.shape import Shape
from spikewright.cost.work import dense_macs
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.data import load
from spikewright.models.neurons import PlasticLIF
from spikewright.models.package import Package, read_package
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task

CIFAR = SpikformerConfig(height=32, width=32, channels=3, dim=384, depth=4, heads=12)
DVS = SpikformerConfig(
    height=128, width=128, channels=2, dim=256, depth=4, heads=16, steps=16, pools=(1, 2, 3, 4), layout="conv1d",
    attention_scale=0.25,
)  # fmt: skip


def giga(config: SpikformerConfig, ratio: float) -> float:
    network = Spikformer(config)
    if ratio < 1:
        for block, keep in enumerate(keep_counts(config.tokens, ratio, config.depth - 1), 1):
            network.selector[str(block)] = TokenSelector(config.dim, keep)
    return dense_macs(layers_of(network)) / 1e9


@pytest.mark.parametrize(("ratio", "paper"), [(1.0, 3.74), (0.7, 3.04), (0.5, 2.75)])
def test_the_cifar_row_of_paper_1(ratio: float, paper: float) -> None:
    assert giga(CIFAR, ratio) == pytest.approx(paper, abs=0.010)


@pytest.mark.parametrize(("ratio", "paper"), [(1.0, 7.78), (0.7, 6.57), (0.5, 6.03)])
def test_the_dvs_row_of_paper_1(ratio: float, paper: float) -> None:
    """Four blocks of width 256: with two, 30 % would be missing."""
    assert giga(DVS, ratio) == pytest.approx(paper, rel=0.02)


def test_shapes_planes_and_tokens_of_a_small_network() -> None:
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, mlp_ratio=2))
    network.selector["1"] = TokenSelector(16, 5)
    layers = {layer.name: layer for layer in layers_of(network)}
    assert [(layer.places, layer.planes, layer.spikes) for layer in layers.values()][:4] == [
        (256, 8, False), (256, 1, True), (256, 1, True), (64, 1, True)
    ]  # fmt: skip
    # the stream reaches 2 behind the patch embedding, 4 behind block 0
    assert (layers["block.0.attn.q_linear"].planes, layers["selector.1.hidden"].planes) == (2, 3)
    assert (layers["block.0.attn.q_linear"].places, layers["block.1.attn.q_linear"].places) == (16, 5)
    assert layers["block.1.mlp.fc2_linear"].macs == 4 * 5 * 32 * 16
    assert layers["block.1.attn.attn"].macs == 4 * 5 * 5 * (16 + 16)
    assert (layers["selector.1.hidden"].steps, layers["head"].macs) == (1, 160)
    assert sum(layer.weights for layer in layers.values()) == sum(
        p.numel() for n, p in network.named_parameters() if n.endswith("weight") and p.dim() > 1
    )
    network.selector["1"] = FiringRateSelector(5)
    assert "selector.1.hidden" not in {layer.name for layer in layers_of(network)}


def stored(package: Package) -> dict[str, tuple[int, int]]:
    """Weights and non-zero codes of every code tensor, by layer."""
    codes = {name.removesuffix(".codes"): t for name, t in package.tensors.items() if name.endswith(".codes")}
    return {name: (t.size, int((t != 0).sum())) for name, t in codes.items()}


def test_a_shortcuts_matrix_counts_with_its_own_bits_everywhere() -> None:
    torch.manual_seed(0)
    network = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.07, steps=3))
    to_spiking(network)
    formats = {name: QuantFormat("uniform", 3, 3) for name in layer_names(network)}
    before = layers_of(network, formats=formats)
    assert {layer.bits for layer in layers_of(network)} == {32}
    quantise(network, formats)
    layers = layers_of(network)
    assert {layer.bits for layer in layers if layer.kind == "shortcut"} == {SHORTCUT_FORMAT.bits}
    assert {layer.bits for layer in layers if layer.kind != "shortcut"} == {3}
    assert [(a.name, a.bits, a.weights) for a in before] == [(b.name, b.bits, b.weights) for b in layers]
    table = make_task(load("digits")).table
    package = export_network(network.double(), table, name="t", steps=3, image=(16, 16, 1), bits=8, signed=True)
    assert {layer.name: (layer.weights, layer.kept) for layer in layers} == stored(package)
    statistics = weight_statistics(network)
    assert statistics["total"] == sum(layer.weights for layer in layers)
    assert statistics["kept"] == sum(layer.kept for layer in layers)
    average = sum(layer.weights * layer.bits for layer in layers) / statistics["total"]
    assert statistics["average_bits"] == pytest.approx(average, abs=1e-4)
    assert average > 3


def test_a_selectors_score_is_one_row_once_it_is_quantised() -> None:
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, mlp_ratio=2))
    network.selector["1"] = TokenSelector(16, 5)
    formats = {name: QuantFormat("uniform", 4) for name in layer_names(network)}

    def score(layers):
        return next((layer.outputs, layer.weights, layer.bits) for layer in layers if layer.kind == "score")

    assert score(layers_of(network)) == (2, 16, 32)
    assert score(layers_of(network, formats=formats)) == (1, 8, 4)
    quantise(network, formats)
    assert score(layers_of(network)) == (1, 8, 4)


@pytest.mark.parametrize("name", ["clutter-digits", "digits"])
def test_what_is_counted_is_what_the_package_stores(name: str) -> None:
    folder = Path(__file__).parents[3] / "packages" / name
    network = load_quantised(load_recipe(folder / "recipe.yaml"), folder / "quantised.safetensors")
    counted = {layer.name: (layer.weights, layer.kept) for layer in layers_of(network) if layer.weights}
    assert counted == stored(read_package(folder / "package.safetensors"))
    # the metrics count what training kept: weights of constant channels too
    trained = sum(int(m.integer_codes().count_nonzero()) for m in network.modules() if isinstance(m, Quantised))
    assert weight_statistics(network)["kept"] == trained > sum(kept for _, kept in counted.values())


def test_leaks_are_counted_as_they_are_stored() -> None:
    """None as long as all are a half, else one with every neuron of the program."""
    torch.manual_seed(0)
    network = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2))
    dense = compression_of(network, network).stored
    make_plastic(network, "slif")
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, PlasticLIF):
                module.leak.add_(torch.empty_like(module.leak).uniform_(-0.01, 0.01))
        assert compression_of(network, network).stored == dense
        cast(PlasticLIF, network.block[0].mlp.fc1_lif).leak[3] = 0.75
    layers = layers_of(network)
    bits, neurons = 32 * sum(layer.weights for layer in layers), sum(neuron_rows(layer, Shape()) for layer in layers)
    assert bits / compression_of(network, network).stored == pytest.approx(bits / dense + LEAK_BITS * neurons)


def test_image_codes_have_the_recipes_bits_and_frames_are_no_still_image() -> None:
    network = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2))
    first = layers_of(network, 3)[0]
    assert (first.planes, first.walk.still, first.spikes) == (3, True, False)
    assert not layers_of(network, 3, frames=True)[0].walk.still
    assert layers_of(network, 1, frames=True)[0].spikes
