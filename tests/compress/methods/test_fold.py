"""Folding: integer spikes equal float spikes away from rounding, sign flips, constant channels; layers use it."""

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.compress.methods.fold import CONSTANT_LEVEL, VANISHING, fold_norm
from spikewright.compress.methods.quantise import QuantConv3, QuantDense, QuantFormat, QuantPointwise, quantised_layer
from spikewright.compress.recipe.constraints import FRACTION_LIMIT
from spikewright.models.layers import Conv3, Dense, Pointwise
from spikewright.models.neurons import LIF


def random_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    generator = torch.Generator().manual_seed(9)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.weight.copy_(torch.rand(norm.num_features, generator=generator) * 2 - 0.7)
        norm.bias.copy_(torch.rand(norm.num_features, generator=generator))
        norm.running_mean.copy_(torch.rand(norm.num_features, generator=generator))
        norm.running_var.copy_(torch.rand(norm.num_features, generator=generator) + 0.1)
    norm.eval()


def integer_lif(sums: np.ndarray, threshold: np.ndarray, bias: np.ndarray, f: int) -> np.ndarray:
    """docs/package.md in plain integers: ``sums [T, ..., C]``, leak 8, hard reset, ge."""
    u = np.zeros(sums.shape[1:], np.int64)
    out = np.zeros_like(sums)
    for t in range(sums.shape[0]):
        u = (8 * u) // 16 + sums[t] * 2**f + bias
        out[t] = u >= threshold
        u[out[t] == 1] = 0
    return out


@pytest.mark.parametrize("kind", ["dense", "pointwise", "conv"])
@pytest.mark.parametrize("fmt", [QuantFormat("uniform", 3, 5), QuantFormat("pot", 4, 2)], ids=str)
def test_exact_layer_equals_plain_integers(kind: str, fmt: QuantFormat) -> None:
    torch.manual_seed(4)
    source = {"dense": Dense(6, 10), "pointwise": Pointwise(6, 10), "conv": Conv3(6, 10)}[kind]
    norm = nn.BatchNorm2d(10) if kind == "conv" else nn.BatchNorm1d(10)
    random_norm(norm)
    layer, neuron = quantised_layer(source, fmt), LIF()
    layer.exact = True
    with torch.no_grad():
        layer.weight[3] = 0.0  # a pruned channel
    folded = layer.fold(norm, neuron)
    assert {-1.0, 0.0, 1.0} == set(folded.sign.tolist())
    values = fmt.values(layer.integer_codes().reshape(10, -1) * folded.sign[:, None]).numpy()
    threshold, bias = (a.detach().numpy().astype(np.int64) for a in (folded.threshold, folded.bias))
    assert threshold.min() >= 1
    assert threshold[3] == CONSTANT_LEVEL * 2**fmt.fraction_bits
    if isinstance(layer, QuantConv3):
        x = torch.randint(0, 4, (4, 2, 6, 5, 5)).double()
        got = layer.double().drive(x, norm, neuron, steps=4).movedim(2, -1).detach().numpy()
        columns = nn.functional.unfold(x.flatten(0, 1), 3, padding=1).transpose(1, 2).reshape(4, 2, 5, 5, -1)
        inputs = columns.numpy()
    else:
        assert isinstance(layer, QuantDense | QuantPointwise)
        x = torch.randint(0, 4, (4, 2, 7, 6)).double()
        got = layer.double().drive(x, norm, neuron).detach().numpy()
        inputs = x.numpy()
    want = integer_lif((inputs @ values.T).astype(np.int64), threshold, bias, fmt.fraction_bits)
    assert np.array_equal(got, want)
    assert 0.02 < want.mean() < 0.98


def test_every_threshold_fits_int32_at_the_most_fraction_bits() -> None:
    norm = nn.BatchNorm1d(1)
    torch.nn.init.constant_(norm.weight, 2.0 * (1.0 + 1e-6) / VANISHING * (1.0 + norm.eps) ** 0.5)
    norm.eval()
    finest = QuantFormat("uniform", 8, FRACTION_LIMIT)
    layer = quantised_layer(Dense(2, 1), finest)
    with torch.no_grad():
        layer.step.fill_(1.0)
        layer.weight.fill_(1.0)
    folded = layer.fold(norm, LIF())
    assert folded.sign.item() == 1.0  # just not constant
    assert 0.99 * VANISHING < folded.threshold.item() / 2**FRACTION_LIMIT <= VANISHING
    assert folded.threshold.item() < 2**31


def test_many_fraction_bits_give_the_float_layer() -> None:
    torch.manual_seed(2)
    layer, norm, neuron = quantised_layer(Dense(16, 12), QuantFormat("uniform", 4, 20)), nn.BatchNorm1d(12), LIF()
    assert isinstance(layer, QuantDense)
    random_norm(norm)
    x = torch.randint(0, 3, (4, 8, 5, 16)).double()
    layer.double()
    norm.double()
    float_spikes = layer.drive(x, norm, neuron)
    layer.exact = True
    assert (float_spikes != layer.drive(x, norm, neuron)).double().mean() < 1e-3


def test_vanishing_gain_makes_a_constant_channel() -> None:
    norm = nn.BatchNorm1d(2).eval()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1e-7, 1.0]))
        norm.bias.copy_(torch.tensor([3.0, 0.5]))
    folded = fold_norm(norm, None, torch.tensor([0.1]), torch.tensor([True, True]), level=2.0, fraction_bits=5)
    assert folded.sign.tolist() == [0.0, 1.0]
    assert folded.bias[0].item() == pytest.approx(
        3.0 / 2.0 * CONSTANT_LEVEL * 32, abs=1
    )  # fires at every step, as 3 ≥ 2
    assert folded.threshold[1] == round(2.0 * 32 / (0.1 / (1 + 1e-5) ** 0.5))


def test_threshold_is_at_least_one() -> None:
    norm = nn.BatchNorm1d(1).eval()
    folded = fold_norm(norm, None, torch.tensor([1e4]), torch.tensor([True]), level=2.0, fraction_bits=0)
    assert folded.threshold.tolist() == [1.0]


def test_exact_layer_trains_weights_and_beta() -> None:
    torch.manual_seed(0)
    layer, norm = quantised_layer(Dense(16, 12), QuantFormat("pot", 3, 5)), nn.BatchNorm1d(12).eval()
    assert isinstance(layer, QuantDense)
    layer.exact = True
    layer.drive(torch.randint(0, 2, (4, 8, 5, 16)).float(), norm, LIF()).sum().backward()
    for parameter in (layer.weight, layer.bias, norm.bias):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
