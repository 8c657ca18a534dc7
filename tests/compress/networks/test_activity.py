"""Measured activity: on a committed package every layer reads what the golden model says it read."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.selector_controls import FiringRateSelector
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.activity import measured_activity
from spikewright.compress.networks.build import layer_names, load_quantised, quantise
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.run.stages.run import task_of
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.data import load
from spikewright.models.package import IMAGE, read_package
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task
from spikewright.sim.golden import hidden_activations, image_codes
from spikewright.sim.golden import run as golden

FOLDER = Path(__file__).parents[3] / "packages" / "clutter-digits"


def planes(values: np.ndarray, count: int) -> list[float]:
    return [float((values >> p & 1).mean()) for p in range(count)]


def test_the_inputs_of_a_committed_package_are_the_golden_models() -> None:
    recipe, package = load_recipe(FOLDER / "recipe.yaml"), read_package(FOLDER / "package.safetensors")
    network, task = load_quantised(recipe, FOLDER / "quantised.safetensors").double(), task_of(recipe)
    pixels = task.data.test.images[:12]
    activities = measured_activity(network, task.inputs(pixels).double(), recipe.input_bits)
    layers = {layer.name: layer for layer in layers_of(network, recipe.input_bits)}
    assert list(activities) == list(layers)
    values = {name: value.numpy().astype(np.int64) for name, value in golden(package, pixels).values.items()}
    values[IMAGE] = image_codes(package, torch.from_numpy(pixels)).numpy()
    for op in package.network.ops:
        if op.kind in ("conv", "linear", "head"):
            read = values[op.input]
            assert activities[op.name].planes == pytest.approx(planes(read, layers[op.name].planes), abs=1e-12), op.name
            assert activities[op.name].active == pytest.approx((read != 0).mean())
        elif op.kind == "attention":
            assert activities[op.name].planes == pytest.approx([values[name].mean() for name in op.reads])
        elif op.kind == "select":
            hidden = hidden_activations(package, op, torch.from_numpy(values[op.input])).numpy()
            assert activities[f"{op.name}.score"].planes == pytest.approx(planes(hidden, 8))
            assert activities[f"{op.name}.hidden"].planes == pytest.approx(planes(values[op.input], 3))


def test_a_network_in_training_is_measured_as_in_evaluation_and_left_as_it_was() -> None:
    torch.manual_seed(2)
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2))
    network.selector["1"] = FiringRateSelector(5)
    images = make_task(load("digits")).inputs(load("digits").test.images[:4])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    activities = measured_activity(network.train(), images)
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert set(activities) == {layer.name for layer in layers_of(network)}
    assert not any(neuron._forward_hooks for neuron in network.modules())
    assert activities == measured_activity(network.eval(), images)


def test_shortcuts_and_counting_pools_are_measured_and_an_ann_is_refused() -> None:
    torch.manual_seed(0)
    network = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.07, steps=3))
    images = make_task(load("digits")).inputs(load("digits").test.images[:4])
    with pytest.raises(ValueError, match=r"on spiking networks, but unit\.0\.synapse has a Rectifier"):
        measured_activity(network, images)
    to_spiking(network, level=0.1)
    quantise(network, {name: QuantFormat("uniform", 4, 3) for name in layer_names(network)})
    activities = measured_activity(network, images)
    layers = layers_of(network)
    assert list(activities) == [layer.name for layer in layers]
    shortcuts = [name for name in activities if name.endswith(".shortcut")]
    assert len(shortcuts) == 3
    assert all(len(activities[layer.name].planes) == layer.planes for layer in layers)
    assert sum(activities[shortcuts[0]].planes) > 0
