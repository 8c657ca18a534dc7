"""Spiking VGG and ResNet: shapes, the way from ANN to spikes, and integers that are exactly the golden model's."""

from typing import Literal

import numpy as np
import pytest
import torch

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.build import layer_names, quantise, set_exact
from spikewright.compress.networks.export import export_network
from spikewright.compress.training.loop import norms
from spikewright.models.convnets import ConvNet, ConvNetConfig, plan, to_spiking
from spikewright.models.data import load
from spikewright.models.neurons import PlasticLIF
from spikewright.models.task import make_task
from spikewright.sim.golden import run as golden

FAMILIES = [("vgg", 11), ("vgg", 16), ("resnet", 12), ("resnet", 18), ("resnet", 20)]


def small(
    family: str, depth: int, pool: Literal["count", "or"] = "count", factor: float = 0.07, side: int = 16
) -> ConvNet:
    torch.manual_seed(depth)
    return ConvNet(
        ConvNetConfig(family=family, depth=depth, width_factor=factor, pool=pool, steps=3, height=side, width=side)
    )


@pytest.mark.parametrize(("family", "depth"), FAMILIES)
def test_depth_counts_the_layers_with_weights(family: str, depth: int) -> None:
    network = small(family, depth)
    assert len(network.unit) + 1 == depth
    assert sum(part.shortcut is not None for part in network.plan) == {12: 4, 18: 8, 20: 8}.get(depth, 0)
    images = torch.rand(2, 1, 16, 16)
    assert network(images).shape == (2, 10)


@pytest.mark.parametrize(("family", "depth"), [("vgg", 11), ("resnet", 18)])
@pytest.mark.parametrize("side", [4, 8, 16, 32])
def test_every_weight_of_a_convolution_meets_a_value(family: str, depth: int, side: int) -> None:
    """On one pixel eight of nine weights would only ever see the padding, and would count as weights all the same."""
    network = small(family, depth, side=side, factor=0.1)
    network(torch.rand(4, 1, side, side)).square().sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.dim() == 4:
            assert parameter.grad is not None
            assert bool(parameter.grad.ne(0).flatten(2).any(0).any(0).all()), name


def test_the_published_widths_and_sizes() -> None:
    assert [p.outputs for p in plan(ConvNetConfig(family="vgg", depth=16))][:13] == [
        64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512
    ]  # fmt: skip
    whole = ConvNet(ConvNetConfig(family="resnet", depth=18, height=32, width=32, channels=3))
    convolutions = sum(m.weight.numel() for m in whole.modules() if isinstance(m, torch.nn.Conv2d))
    assert convolutions == 10_987_200  # torchvision's CIFAR variant, without its 1×1 shortcuts
    quarter = ConvNet(ConvNetConfig(family="vgg", depth=16, width_factor=0.25))
    assert sum(p.numel() for p in quarter.parameters()) < 1_000_000


def spiking(family: str, depth: int, pool: Literal["count", "or"]) -> ConvNet:
    """A network whose every layer fires: thresholds at the upper reach of what its neurons see."""
    network = small(family, depth, pool)
    to_spiking(network)
    task = make_task(load("digits"))
    images = task.inputs(load("digits").test.images[:24])
    for unit in network.unit:
        neuron = unit.neuron
        assert isinstance(neuron, PlasticLIF)
        seen: list[torch.Tensor] = []
        hook = neuron.register_forward_pre_hook(lambda _m, given, seen=seen: seen.append(given[0]))
        with torch.no_grad():
            network(images)
            neuron.level.fill_(max(0.06, float(seen[0].flatten().quantile(0.9))))
            neuron.leak.fill_(0.8125)  # 13/16
        hook.remove()
    return network


@pytest.mark.parametrize("pool", ["count", "or"])
@pytest.mark.parametrize(("family", "depth"), [("vgg", 11), ("resnet", 12)])
def test_quantised_and_golden_spikes_are_equal(family: str, depth: int, pool: Literal["count", "or"]) -> None:
    network = spiking(family, depth, pool)
    formats = {
        name: QuantFormat("uniform", 4, 3) if i % 3 else QuantFormat("pot", 4, 2)
        for i, name in enumerate(layer_names(network))
    }
    quantise(network, formats)
    set_exact(network, True)
    network.double().eval()
    data = load("digits")
    task = make_task(data)
    package = export_network(network, task.table, name="t", steps=3, image=(16, 16, 1), bits=8, signed=True)
    assert any(op.kind == "conv" and op.shortcut is not None for op in package.network.ops) == (family == "resnet")
    spikes: dict[str, np.ndarray] = {}
    for i, unit in enumerate(network.unit):
        unit.neuron.register_forward_hook(  # type: ignore[union-attr, operator]
            lambda _m, _g, out, i=i: spikes.update({f"unit.{i}.synapse": out.detach().numpy()})
        )
    images = data.test.images[:24]
    with torch.no_grad():
        logits = network(task.inputs(images).double())
    trace = golden(package, images)
    rates = []
    for name, array in spikes.items():
        want = np.asarray(trace.values[name])
        got = array.reshape(*array.shape[:3], -1).transpose(1, 0, 3, 2) if array.ndim == 5 else array.swapaxes(0, 1)
        assert np.array_equal(want, got), name
        rates.append(float(got.mean()))
    assert sum(0.02 < rate < 0.98 for rate in rates) >= len(rates) - 2, rates
    assert np.array_equal(np.asarray(trace.classes), logits.numpy().argmax(1))


@pytest.mark.parametrize("family", ["vgg", "resnet"])
def test_the_grid_is_near_the_real_network(family: str) -> None:
    """At 8 bits and many fraction bits nearly every spike is the float network's: no scale was lost on the way."""
    network = spiking(family, {"vgg": 11, "resnet": 12}[family], "count").eval()
    images = make_task(load("digits")).inputs(load("digits").test.images[:16])
    seen: list[list[torch.Tensor]] = [[], []]
    for turn in range(2):
        hooks = [
            unit.neuron.register_forward_hook(lambda _m, _g, out, turn=turn: seen[turn].append(out.detach()))  # type: ignore[union-attr, operator]
            for unit in network.unit
        ]
        with torch.no_grad():
            network(images)
        for hook in hooks:
            hook.remove()
        if not turn:
            quantise(network, {name: QuantFormat("uniform", 8, 8) for name in layer_names(network)})
            set_exact(network, True)
    first = float((seen[0][0] == seen[1][0]).float().mean())
    assert first > 0.97
    assert 0.02 < float(seen[0][0].mean()) < 0.98


@pytest.mark.parametrize("family", ["vgg", "resnet"])
def test_the_neurons_are_paper_4s_and_no_norm_is_there(family: str) -> None:
    """A sum at the threshold is no spike yet, and what lies above it stays in the membrane."""
    network = small(family, {"vgg": 11, "resnet": 12}[family])
    assert not norms(network)
    to_spiking(network, level=2.0, leak=0.5)
    neurons = [unit.neuron for unit in network.unit]
    assert len({id(neuron) for neuron in neurons}) == len(network.plan)
    for neuron in neurons:
        assert isinstance(neuron, PlasticLIF)
        assert sum(p.numel() for p in neuron.parameters() if p.requires_grad) == 2
        x = torch.tensor([2.0, 1.5, 1.25, 5.0, 1.0]).reshape(5, 1, 1, 1, 1)
        # membranes 2, 2.5 (spike, 0.5 stays), 1.5, 5.75 (spike, 3.75 stays), 2.875 (spike)
        assert neuron(x).flatten().tolist() == [0, 1, 0, 1, 1]


def test_pools_shortcuts_and_matrices_count_as_work() -> None:
    network = small("resnet", 12)
    layers = layers_of(network)
    names = [layer.name for layer in layers]
    assert sum(name.endswith(".shortcut") for name in names) == 3  # channels change in three of four stages
    assert sum(layer.weights for layer in layers) == sum(p.numel() for p in network.parameters() if p.dim() > 1)
    to_spiking(network)
    counted = [layer for layer in layers_of(network) if layer.planes == 3]
    assert counted, "a counting pool gives three planes"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"family": "vgg", "depth": 12}, "depth of a vgg must be one of 11, 16"),
        ({"family": "resnet", "depth": 13}, "depth of a resnet must be one of 12, 18, 20, not 13"),
        ({"family": "resnet", "depth": 18, "widths": (3,)}, "widths must give 17 units, not 1"),
    ],
)
def test_shapes_that_are_not_known_are_refused(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ConvNetConfig.model_validate(fields)
