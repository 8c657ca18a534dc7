"""LIF: dynamics against a plain loop, options, surrogate gradient, and exactness on a dyadic grid."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from spikewright.models.neurons import LIF, fire, surrogate_slope


def naive(x: np.ndarray, threshold: float, leak: Fraction, reset: str, compare: str) -> np.ndarray:
    """Rational arithmetic, one neuron at a time: ``x [T, n]``."""
    out = np.zeros_like(x)
    for n in range(x.shape[1]):
        u = Fraction(0)
        for t in range(x.shape[0]):
            u = leak * u + Fraction(float(x[t, n]))
            spike = u >= Fraction(threshold) if compare == "ge" else u > Fraction(threshold)
            out[t, n] = spike
            if spike:
                u = Fraction(0) if reset == "hard" else u - Fraction(threshold)
    return out


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("compare", ["ge", "gt"])
@pytest.mark.parametrize("steps", [1, 4, 16])
def test_float64_equals_rational_arithmetic_on_a_dyadic_grid(reset: str, compare: str, steps: int) -> None:
    rng = np.random.default_rng(steps)
    x = rng.integers(-20, 30, size=(steps, 400)) / 8
    got = fire(torch.from_numpy(x), 2.0, reset=reset, compare=compare).numpy()  # type: ignore[arg-type]
    assert np.array_equal(got, naive(x, 2.0, Fraction(1, 2), reset, compare))
    assert 0.05 < got.mean() < 0.95


def test_textbook_form_is_the_same_neuron() -> None:
    x = torch.randint(-16, 48, (6, 200), generator=torch.Generator().manual_seed(1)).double() / 16
    v, spikes = torch.zeros(200, dtype=torch.float64), []
    for t in range(6):
        h = v + (x[t] - v) / 2
        spikes.append((h >= 1.0).double())
        v = h * (1 - spikes[-1])
    assert torch.equal(LIF()(x), torch.stack(spikes))


def test_no_state_dict_keys_and_a_scale_in_the_threshold() -> None:
    neuron = LIF(v_threshold=0.5, scale=0.125)
    assert not neuron.state_dict()
    assert neuron.level == 8.0


def test_gradient_is_the_surrogate_times_the_leaks() -> None:
    x = torch.tensor([[0.5], [0.75]], dtype=torch.float64, requires_grad=True)
    out = fire(x, 2.0)
    out[1].sum().backward()
    slope = surrogate_slope(torch.tensor((0.25 + 0.75) / 2 - 1.0), "atan") / 2
    assert x.grad is not None
    assert x.grad.flatten().tolist() == pytest.approx([0.5 * float(slope), float(slope)])


def test_gradient_does_not_cross_a_hard_reset() -> None:
    x = torch.tensor([[5.0], [0.5]], requires_grad=True)
    fire(x, 2.0)[1].sum().backward()
    assert x.grad is not None
    assert float(x.grad[0]) == 0.0
    assert float(x.grad[1]) > 0.0


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"tau": 0.5}, "tau must be at least 1"),
        ({"reset": "none"}, "'hard' or 'soft'"),
        ({"compare": ">"}, "'ge' or 'gt'"),
    ],
)
def test_options_are_checked(option: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        LIF(**option)  # type: ignore[arg-type]
