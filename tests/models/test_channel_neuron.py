"""ChannelLIF: against a plain loop, as the other neurons on the grid, and how leaks round."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from spikewright.models.channel_neuron import ChannelLIF
from spikewright.models.neurons import LIF, Compare, PlasticLIF, Reset

CHOICES = [(reset, compare) for reset in ("hard", "soft") for compare in ("ge", "gt")]


def plain(x: Tensor, leaks: list[Fraction], levels: list[Fraction], reset: str, compare: str) -> Tensor:
    """Rational arithmetic, ``x [T, n, C]``."""
    out = torch.zeros_like(x)
    for n in range(x.shape[1]):
        for c in range(x.shape[2]):
            u = Fraction(0)
            for t in range(x.shape[0]):
                u = leaks[c] * u + Fraction(float(x[t, n, c]))
                if u > levels[c] or (u == levels[c] and compare == "ge"):
                    out[t, n, c] = 1
                    u = Fraction(0) if reset == "hard" else u - levels[c]
    return out


@pytest.mark.parametrize(("reset", "compare"), CHOICES)
def test_dyadic_leaks_equal_rational_arithmetic(reset: Reset, compare: Compare) -> None:
    leaks, levels = [0.0, 0.5, 0.8125, 1.0], [1.0, 2.0, 1.5, 3.0]
    neuron = ChannelLIF(torch.tensor(leaks), torch.tensor(levels), reset=reset, compare=compare).double()
    x = torch.randint(-8, 20, (5, 40, 4), generator=torch.Generator().manual_seed(0)).double() / 8
    spikes = neuron(x)
    assert torch.equal(spikes, plain(x, [Fraction(v) for v in leaks], [Fraction(v) for v in levels], reset, compare))
    assert 0.05 < float(spikes.mean()) < 0.95
    grid = ChannelLIF(torch.tensor(leaks), torch.tensor(levels), tail=2, reset=reset, compare=compare).double()
    assert torch.equal(grid(x[..., None, None])[..., 0, 0], spikes)


@pytest.mark.parametrize(("reset", "compare"), CHOICES)
def test_on_the_grid_it_is_the_plastic_neuron(reset: Reset, compare: Compare) -> None:
    leak = torch.rand(6, generator=torch.Generator().manual_seed(2))
    own = ChannelLIF(leak, torch.ones(6), reset=reset, compare=compare)
    other = PlasticLIF(LIF(reset=reset, compare=compare), 6)
    with torch.no_grad():
        other.leak.copy_(leak)
    assert torch.equal(own.sixteenths(), other.sixteenths())
    x = torch.randint(-50, 99, (7, 30, 6)).double()
    assert torch.equal(own.double()(x, torch.full((6,), 70.0)), other.double()(x, torch.full((6,), 70.0)))


def test_leaks_round_and_tell_by_how_much() -> None:
    neuron = ChannelLIF(torch.tensor([0.95, 0.5, 0.99]).double(), torch.ones(1))
    assert not neuron.state_dict()
    assert list(neuron.parameters()) == []
    assert neuron.sixteenths().tolist() == [15, 8, 16]
    assert torch.equal(neuron.leak, torch.tensor([0.95, 0.5, 0.99]).double())
    np.testing.assert_allclose(neuron.round_leaks(), [-0.0125, 0, 0.01], atol=1e-7)
    assert neuron.leak.tolist() == [0.9375, 0.5, 1.0]
    assert neuron.round_leaks().tolist() == [0, 0, 0]
    assert "channels=1" in repr(neuron)


@pytest.mark.parametrize(
    ("leak", "level", "rest", "sentence"),
    [
        ([1.1], [1.0], {}, "leak must be from 0 to 1, not [1.1"),
        ([float("nan")], [1.0], {}, "leak must be from 0 to 1, not [nan]"),
        ([1.0], [0.0], {}, "level must be positive, not [0.0]"),
        ([1.0], [float("inf")], {}, "level must be positive, not [inf]"),
        ([1.0], [1.5], {"whole": True}, "level must be a whole number where the input is one, not [1.5]"),
        ([1.0], [1.0], {"reset": "late"}, "reset must be 'hard' or 'soft', not 'late'"),
        ([1.0], [1.0], {"compare": "lt"}, "compare must be 'ge' or 'gt', not 'lt'"),
        ([[1.0]], [1.0], {}, "leak and level must have one axis, not [1, 1] and [1]"),
    ],
)
def test_what_makes_no_neuron(leak: list[float], level: list[float], rest: dict[str, bool], sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        ChannelLIF(torch.tensor(leak), torch.tensor(level), **rest)  # type: ignore[arg-type]
    assert str(raised.value).startswith(sentence)
