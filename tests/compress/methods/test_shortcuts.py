"""Shortcuts of a compressed ResNet: matched by themselves, and alive where their convolution's channel is gone."""

import pytest
import torch
from torch import Tensor

from spikewright.compress.methods.guided import density_masks, match_activity
from spikewright.compress.methods.masks import apply_masks, prunable
from spikewright.compress.methods.quantise import SHORTCUT_FORMAT, QuantConv3, QuantFormat, QuantShortcut, best_step
from spikewright.compress.networks.build import layer_names, quantise, set_exact
from spikewright.models.convnets import ConvNet, ConvNetConfig, Unit, to_spiking
from spikewright.models.layers import Conv3, Shortcut
from spikewright.models.neurons import LIF

FOUR = QuantFormat("uniform", 4, 5)


def joined(inputs: int, outputs: int, *, scale: float = 1.0) -> tuple[Conv3, Shortcut]:
    """A convolution whose channels 1 and 3 are pruned away, and what joins it."""
    torch.manual_seed(1)
    conv, branch = Conv3(outputs, outputs), Shortcut(inputs, outputs)
    branch.scale = scale
    with torch.no_grad():
        conv.weight[[1, 3]] = 0.0
    return conv, branch


def quantised(conv: Conv3, branch: Shortcut) -> tuple[QuantConv3, QuantShortcut]:
    new = QuantConv3(conv.in_channels, conv.out_channels)
    new.adopt(conv, FOUR, per_channel=True)
    return new, QuantShortcut(branch, new)


def test_a_channel_without_weights_takes_the_step_of_the_matrix_that_joins_it() -> None:
    conv, branch = joined(3, 4)
    matrix = branch.weight
    assert matrix is not None
    new, short = quantised(conv, branch)
    own = best_step(matrix, SHORTCUT_FORMAT, per_channel=True)
    assert torch.equal(new.step[[1, 3]], own[[1, 3]])
    assert torch.equal(new.step[[0, 2]], best_step(conv.weight, FOUR, per_channel=True)[[0, 2]])
    kept = short.integer_codes() * short.step.double()
    assert (kept - matrix).abs()[[1, 3]].max() < 0.02 * matrix.abs().max()  # by steps of 1 all codes would be 0


def test_a_channel_without_weights_lets_the_identity_through_exactly() -> None:
    _, short = quantised(*joined(4, 4, scale=0.25))
    assert short.whole_gain()[[1, 3]].tolist() == [64, 64]
    assert short(torch.ones(1, 4, 1, 1))[0, [1, 3], 0, 0].tolist() == [0.25, 0.25]


def test_such_a_channel_still_spikes_on_the_grid() -> None:
    conv, branch = joined(4, 4)
    new, short = quantised(conv, branch)
    new.exact = True
    neuron = LIF(reset="soft", compare="gt")
    neuron.level = 0.9
    read = torch.ones(2, 1, 4, 2, 2)
    spikes = new.drive(torch.zeros_like(read), None, neuron, steps=2, shortcut=(short, read))
    assert spikes[:, :, [1, 3]].all()


def spreads(network: ConvNet, images: Tensor) -> dict[str, float]:
    """Standard deviation of what every synapse and every shortcut's matrix gives."""
    deviations: dict[str, float] = {}
    for i, unit in enumerate(network.unit):
        assert isinstance(unit, Unit)
        parts = {"synapse": unit.synapse} | ({"shortcut": unit.shortcut} if unit.shortcut is not None else {})
        for name, part in parts.items():
            if part.weight is not None:
                key = f"{i}.{name}"
                part.register_forward_hook(lambda _m, _r, out, key=key: deviations.update({key: float(out.std())}))
    with torch.no_grad():
        network(images)
    return deviations


def test_matched_sums_spread_as_the_dense_networks_in_both_branches() -> None:
    torch.manual_seed(2)
    meta = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.1, steps=2))
    ann = ConvNet(meta.config)
    ann.load_state_dict(meta.state_dict())
    apply_masks(ann, density_masks(ann, sum(w.numel() for w in prunable(ann).values()) // 6))
    images = torch.randn(12, 1, 16, 16) * 32
    wanted, before = spreads(meta, images), spreads(ann, images)
    assert sum(name.endswith("shortcut") for name in wanted) == 3
    assert max(abs(before[name] / wanted[name] - 1) for name in wanted) > 0.2
    match_activity(ann, meta, images)
    after = spreads(ann, images)
    assert after == {name: pytest.approx(value, rel=1e-4) for name, value in wanted.items()}


def test_a_resnets_dead_channels_take_the_step_of_what_joins_them_or_the_others_median() -> None:
    torch.manual_seed(3)
    network = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.07, steps=2))
    to_spiking(network)
    with torch.no_grad():
        for unit in network.unit:
            unit.synapse.weight[0] = 0.0  # type: ignore[union-attr, operator]
    quantise(network, dict.fromkeys(layer_names(network), FOUR))
    set_exact(network, True)
    for unit in network.unit:
        assert isinstance(unit, Unit)
        alone = unit.shortcut is None
        first, *others = unit.synapse.step.flatten().tolist()  # type: ignore[union-attr, operator]
        assert (first == sorted(others)[(len(others) - 1) // 2]) == alone
        if isinstance(unit.shortcut, QuantShortcut) and unit.shortcut.weight is not None:
            assert unit.shortcut.integer_codes()[0].any()
