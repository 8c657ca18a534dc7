"""LIF: dynamics against a plain loop, options, surrogate gradient, and exactness on a dyadic grid."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from spikewright.models.neurons import (
    LEAST_LEVEL,
    LIF,
    Compare,
    PlasticLIF,
    Reset,
    Surrogate,
    fire,
    learnable_clamp,
    surrogate_slope,
)


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


@pytest.mark.parametrize(
    ("kind", "slopes"),
    [
        ("atan", [1 / (1 + math.pi**2 / 4), 1, 1 / (1 + math.pi**2 / 4), 1 / (1 + 4 * math.pi**2)]),
        ("sigmoid", [4 * math.exp(2) / (1 + math.exp(2)) ** 2, 1, 4 * math.exp(-2) / (1 + math.exp(-2)) ** 2,
                     4 * math.exp(-8) / (1 + math.exp(-8)) ** 2]),
        ("triangle", [0.5, 1, 0.5, 0]),
        ("flat-triangle", [0.15, 0.3, 0.15, 0]),
    ],
)  # fmt: skip
def test_slopes_by_hand(kind: Surrogate, slopes: list[float]) -> None:
    """Half below the threshold, at it, half above it, and at three times it."""
    at = torch.tensor([-0.5, 0.0, 0.5, 2.0], dtype=torch.float64)
    assert surrogate_slope(at, kind).tolist() == pytest.approx(slopes, rel=1e-9)
    with pytest.raises(ValueError, match="surrogate must be 'atan', 'sigmoid', 'triangle' or 'flat-triangle'"):
        surrogate_slope(torch.zeros(1), "step")  # type: ignore[arg-type]


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


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("compare", ["ge", "gt"])
@pytest.mark.parametrize("m", [0, 3, 8, 13, 16])
def test_whole_numbers_leak_as_the_integer_neuron_does(reset: Reset, compare: Compare, m: int) -> None:
    rng = np.random.default_rng(m)
    x, threshold, steps = rng.integers(-40, 60, size=(9, 300)), 45, 9
    u, want = np.zeros(300, np.int64), []
    for t in range(steps):
        u = ((m * u) >> 4 if compare == "ge" else -((-m * u) >> 4)) + x[t]
        spike = u >= threshold if compare == "ge" else u > threshold
        want.append(spike)
        u = np.where(spike, 0 if reset == "hard" else u - threshold, u)
    for leak in (m / 16, torch.tensor([m / 16])):
        got = fire(torch.from_numpy(x).double(), float(threshold), leak=leak, reset=reset, compare=compare, whole=True)
        assert np.array_equal(got.numpy().astype(bool), np.stack(want))
    if m < 16:
        options = {"tau": 16 / (16 - m), "v_threshold": threshold * (16 - m) / 16, "reset": reset, "compare": compare}
        node = LIF(**options, whole=True)  # type: ignore[arg-type]
        node.level = float(threshold)
        assert np.array_equal(node(torch.from_numpy(x).double()).numpy().astype(bool), np.stack(want))


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_gradients_of_threshold_and_leak_are_those_of_the_unrolled_neuron(reset: Reset) -> None:
    """Against autograd through a plain loop whose spike has the same surrogate and whose reset is detached."""

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, theta):  # type: ignore[no-untyped-def]
            ctx.save_for_backward(u, theta)
            return (u >= theta).to(u.dtype)

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            u, theta = ctx.saved_tensors
            slope = surrogate_slope(u / theta - 1.0, "atan")
            return grad * slope / theta, (-grad * slope * u / theta**2).sum_to_size(theta.shape)

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 50, 3, generator=generator, dtype=torch.float64) + 1.0
    seen = torch.randn(6, 50, 3, generator=generator, dtype=torch.float64)
    theta = torch.tensor([1.5, 2.0, 2.5], dtype=torch.float64)
    leak = torch.tensor([0.3, 0.5, 0.9], dtype=torch.float64)
    ours = [p.clone().requires_grad_() for p in (x, theta, leak)]
    (fire(ours[0], ours[1], leak=ours[2], reset=reset) * seen).sum().backward()
    plain = [p.clone().requires_grad_() for p in (x, theta, leak)]
    u, total = torch.zeros(50, 3, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in range(6):
        u = plain[2] * u + plain[0][t]
        spike = Spike.apply(u, plain[1])
        total = total + (spike * seen[t]).sum()
        u = u * (1 - spike.detach()) if reset == "hard" else u - plain[1] * spike.detach()
    total.backward()
    for a, b in zip(ours, plain, strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.allclose(a.grad, b.grad, atol=1e-12)


def test_a_plastic_neuron_starts_as_its_model_and_has_one_number_a_channel() -> None:
    x = torch.randn(4, 2, 7, 5, 5, generator=torch.Generator().manual_seed(3)) * 2
    like = LIF()
    plastic = PlasticLIF(like, 7, tail=2)
    assert torch.equal(plastic(x), like(x))
    assert {n: tuple(p.shape) for n, p in plastic.named_parameters()} == {"level": (7,), "leak": (7,)}
    assert plastic.sixteenths().tolist() == [8.0] * 7
    with torch.no_grad():
        plastic.leak[0] = 0.45  # not on the grid of sixteenths: 7.2 / 16
        plastic.leak[1] = 1.9
    assert plastic.sixteenths()[:2].tolist() == [7.0, 16.0]
    only = PlasticLIF(like, 1, learn_level=False)
    assert [p.requires_grad for p in (only.level, only.leak)] == [False, True]


@pytest.mark.parametrize(("value", "back"), [(-0.2, -1.0), (0.0, -1.0), (1.0, 1.0), (1.3, 1.0)])
def test_a_leak_that_stepped_over_its_bound_learns_its_way_back(value: float, back: float) -> None:
    """A step down the gradient leads back inside, or nowhere; between the bounds the gradient is as it is."""
    x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    for want in (back, -back):
        leak = torch.tensor(value, requires_grad=True)
        (learnable_clamp(leak, 0.0, 1.0) * want).backward()  # type: ignore[no-untyped-call]
        outside = not 0.0 <= value <= 1.0
        assert float(leak.grad) == (0.0 if outside and want != back else want)  # type: ignore[arg-type]
    (learnable_clamp(x, -1.0) * torch.tensor([-1.0, 2.0, -3.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-1.0, 2.0, -3.0]
    assert learnable_clamp(x, -1.0).tolist() == [-1.0, 0.5, 3.0]


@pytest.mark.parametrize(("start", "out"), [(0.0, -1.0), (1.0, 1.0)])
def test_leaks_and_thresholds_come_back_from_beyond_their_bounds(start: float, out: float) -> None:
    """Ten steps of Adam drive them out, twenty back."""
    neuron = PlasticLIF(LIF(), 1)
    with torch.no_grad():
        neuron.leak.fill_(start)
        neuron.level.fill_(LEAST_LEVEL)
    adam = torch.optim.Adam(neuron.parameters(), lr=0.05)
    seen = []
    for way in [1.0] * 10 + [-1.0] * 20:
        wanted = way * out * neuron._grid_leak().sum() - way * neuron.levels().sum()
        adam.zero_grad()
        (-wanted).backward()  # type: ignore[no-untyped-call]
        adam.step()
        seen.append((float(neuron.leak.detach()), float(neuron.level.detach())))
    leak, level = seen[9]
    assert not 0.0 <= leak <= 1.0
    assert level < LEAST_LEVEL
    assert 0.3 < seen[-1][0] < 0.7
    assert seen[-1][1] > 0.5


def test_a_neuron_behind_attention_has_a_whole_threshold() -> None:
    plastic = PlasticLIF(LIF(v_threshold=0.5, scale=0.125), 2, whole=True)
    with torch.no_grad():
        plastic.level[0] = 6.4
    assert plastic.levels().tolist() == [6.0, 8.0]
    assert plastic(torch.tensor([[[6.0, 7.0]]])).flatten().tolist() == [1.0, 0.0]


def test_a_leak_that_hardware_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 1/16"):
        LIF(tau=3.0).sixteenths()


def test_a_leak_of_12_sixteenths_is_the_integer_neurons_on_the_grid() -> None:
    x = np.random.default_rng(4).integers(-40, 60, size=(8, 2000))
    got = LIF(tau=4.0)(torch.from_numpy(x).double(), torch.tensor(45.0, dtype=torch.float64)).numpy()
    u, want = np.zeros(2000, np.int64), []
    for row in x:
        u = (12 * u >> 4) + row
        want.append(u >= 45)
        u = np.where(want[-1], 0, u)
    assert np.array_equal(got.astype(bool), np.stack(want))
