"""Quantisers: code ↔ value round trip, nearest values, straight-through and LSQ gradients."""

import pytest
import torch

from spikewright.compress.methods.quantise import QuantFormat, best_step, fake_quantise, integer_values

FORMATS = [QuantFormat("uniform", b) for b in (2, 3, 4, 8)] + [QuantFormat("pot", b) for b in (3, 4)]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_every_code_has_a_value_that_codes_back_to_it(fmt: QuantFormat) -> None:
    codes = torch.arange(-fmt.limit, fmt.limit + 1).double()
    values = fmt.values(codes)
    assert torch.equal(fmt.codes(values), codes)
    assert int(values.max()) == fmt.top
    assert torch.equal(values, values.round())
    assert torch.equal(fmt.codes(values * 1000).abs().max(), torch.tensor(float(fmt.limit), dtype=torch.float64))


def test_pot_values_are_the_powers_of_two() -> None:
    assert QuantFormat("pot", 3).values(torch.arange(-3.0, 4.0)).tolist() == [-4, -2, -1, 0, 1, 2, 4]
    assert QuantFormat("pot", 4).top == 64


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_the_nearest_value_is_taken(fmt: QuantFormat) -> None:
    ratio = torch.linspace(-1.1 * fmt.top, 1.1 * fmt.top, 4001, dtype=torch.float64)
    levels = fmt.values(torch.arange(-fmt.limit, fmt.limit + 1).double())
    error = (fmt.values(fmt.codes(ratio)) - ratio).abs()
    assert torch.allclose(error, (ratio[:, None] - levels).abs().amin(1))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_gradients_pass_straight_through_inside_the_range_only(fmt: QuantFormat) -> None:
    weight = torch.tensor([[0.3, -0.6, fmt.top * 0.99, -fmt.top * 1.5]]) * 0.1
    weight.requires_grad_()
    step = torch.tensor([[0.1]], requires_grad=True)
    fake_quantise(weight, step, fmt).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[1, 1, 1, 0]]
    assert step.grad is not None
    weight.grad = None
    integer_values(weight, step, fmt).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist()[0] == pytest.approx([10, 10, 10, 0])


def test_lsq_step_gradient() -> None:
    fmt = QuantFormat("uniform", 3)
    weight, step = torch.tensor([[0.14, 0.9]]), torch.tensor([[0.1]], requires_grad=True)
    fake_quantise(weight, step, fmt).sum().backward()
    assert step.grad is not None
    assert float(step.grad) == pytest.approx(((1 - 1.4) + 3) / (2 * 3) ** 0.5, rel=1e-5)


def test_each_rows_step_has_a_gradient_of_its_own_scaled_by_its_own_weights() -> None:
    fmt = QuantFormat("pot", 3)  # 0, 1, 2, 4
    weight, step = torch.tensor([[0.14, 0.9], [0.3, -3.4]]), torch.tensor([[0.1], [1.0]], requires_grad=True)
    fake_quantise(weight, step, fmt).sum().backward()
    assert step.grad is not None
    by_hand = [(1 - 1.4) + 4, (0 - 0.3) + (-4 + 3.4)]  # 0.9 is nine steps, over the top
    assert step.grad.flatten().tolist() == pytest.approx([by / (2 * 4) ** 0.5 for by in by_hand], rel=1e-5)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_best_step_recovers_weights_that_lie_on_a_grid(fmt: QuantFormat) -> None:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(-fmt.limit, fmt.limit + 1, (3, 500), generator=generator).double()
    weight = (fmt.values(codes) * torch.tensor([[0.02], [0.3], [0.0]])).float()
    step = best_step(weight, fmt, per_channel=True)
    assert step.shape == (3, 1)
    error = (fake_quantise(weight, step, fmt) - weight).square().sum(1) / weight.square().sum(1).clamp(min=1e-9)
    assert float(error.max()) < 0.02
    assert float(step[2]) == float(step[:2].min()), "the lower median of the rows that have weights"
    assert best_step(torch.zeros(2, 5), fmt, per_channel=True).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(("scheme", "bits"), [("uniform", 1), ("uniform", 9), ("pot", 2), ("pot", 5)])
def test_widths_are_checked(scheme: str, bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits of a {scheme} layer"):
        QuantFormat(scheme, bits)  # type: ignore[arg-type]
