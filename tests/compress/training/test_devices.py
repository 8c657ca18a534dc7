"""Training elsewhere than on the CPU: every step of every method stays on the network's device.

The device ``meta`` computes shapes only, and refuses to add up tensors of two devices, as a GPU does. What asks for a
number in between (the integer selector's shift, the search's cost, which is added up on the CPU) it cannot show.
"""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from spikewright.compress.methods.guided import AttentionTransfer
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.selector_controls import FiringRateSelector, RandomSelector
from spikewright.compress.methods.tokens import TokenSelector, set_mode
from spikewright.compress.networks.build import layer_names, quantise, set_exact
from spikewright.compress.training.devices import on_device
from spikewright.compress.training.objective import Objective
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Spikformer, SpikformerConfig

META = torch.device("meta")
Case = tuple[SpikingNetwork, Objective]
CONV = ConvNetConfig(family="resnet", depth=12, width_factor=0.05, steps=2)


def former(selector: nn.Module | None = None) -> Spikformer:
    torch.manual_seed(5)
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2))
    if selector is not None:
        network.selector["1"] = selector
    return network


def learned(*, hard: bool) -> Case:
    network = former(TokenSelector(16, 8))
    set_mode(network, hard=hard)
    fractions = () if hard else (0.5,)
    return network, Objective(teacher=former().eval(), distillation=1.0, fractions=fractions, ratio_weight=2.0)


def control(selector: nn.Module) -> Case:
    return former(selector), Objective()


def plastic() -> Case:
    network = former()
    make_plastic(network, "slif")
    return network, Objective()


def quantised(network: SpikingNetwork, *, exact: bool = False) -> Case:
    formats = {name: QuantFormat("uniform", 4, 5) for name in layer_names(network)}
    quantise(network, formats)
    set_exact(network, exact)
    return network, Objective()


def guided() -> Case:
    return ConvNet(CONV), Objective(terms=(AttentionTransfer(ConvNet(CONV), 10.0),))


def spiking() -> ConvNet:
    network = ConvNet(CONV)
    to_spiking(network, leak=0.75, surrogate="atan")
    return network


CASES: dict[str, Callable[[], Case]] = {
    "soft tokens, a teacher": lambda: learned(hard=False),
    "gathered tokens": lambda: learned(hard=True),
    "firing-rate": lambda: control(FiringRateSelector(4)),
    "random": lambda: control(RandomSelector(4, 1)),
    "slif": plastic,
    "quantised": lambda: quantised(former()),
    "on the grid": lambda: quantised(former(), exact=True),
    "guided": guided,
    "snn": lambda: (spiking(), Objective()),
    "quantised snn": lambda: quantised(spiking()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_training_step_stays_on_the_device(name: str) -> None:
    network, objective = CASES[name]()
    network.train()
    network.to(META)
    objective.to(META)
    images = torch.zeros(4, 1, 16, 16, device=META)
    loss = objective(network, images, torch.zeros(4, dtype=torch.long, device=META))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.device == META
    assert {p.device for p in network.parameters()} == {META}
    assert any(p.grad is not None for p in network.parameters())


def test_tensors_of_two_devices_do_not_meet() -> None:
    """Or the test above would say nothing."""
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(4, device=META) + torch.zeros(4)


def test_network_teacher_and_masks_go_to_the_device_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    network, objective = learned(hard=False)
    teacher, mask = objective.teacher, torch.ones(10, 16, dtype=torch.bool)
    assert teacher is not None
    asked: list[tuple[object, torch.device]] = []

    def to_of(part: nn.Module | torch.Tensor) -> Callable[[torch.device], object]:
        return lambda device: asked.append((part, device)) or part

    for part in (network, teacher, mask):
        monkeypatch.setattr(part, "to", to_of(part))
    with on_device(META, network, objective, masks := {"head.weight": mask}):
        assert {(id(part), device) for part, device in asked} == {(id(t), META) for t in (network, teacher, mask)}
        asked.clear()
    cpu = torch.device("cpu")
    assert {(id(part), device) for part, device in asked} == {(id(t), cpu) for t in (network, teacher, mask)}
    assert masks["head.weight"] is mask
