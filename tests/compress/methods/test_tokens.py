"""Token selector: mask algebra, counts, hard top-k, losses, and the integer selector against plain integers."""

import numpy as np
import pytest
import torch

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.tokens import (
    QuantSelector,
    TokenSelector,
    distillation_loss,
    filled,
    gather_tokens,
    keep_counts,
    ratio_loss,
    selectors,
    top_tokens,
)
from spikewright.compress.networks.build import student_model
from spikewright.compress.recipe.reading import parse_recipe


def stream(seed: int = 0, steps: int = 4) -> torch.Tensor:
    return torch.randint(0, 5, (steps, 3, 16, 8), generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize(
    ("ratio", "counts"), [(0.9, [57, 51, 46]), (0.8, [51, 40, 32]), (0.7, [44, 31, 21]), (0.6, [38, 23, 13])]
)
def test_keep_counts_of_the_paper(ratio: float, counts: list[int]) -> None:
    assert keep_counts(64, ratio, 3) == counts


@pytest.mark.parametrize(
    ("count", "slots", "whole"),
    [(10, 4, 8), (11, 4, 12), (6, 4, 4), (7, 4, 8), (1, 4, 4), (16, 4, 16), (5, 1, 5), (3, 32, 32)],
)
def test_words_are_filled_by_the_nearest_count_ties_down(count: int, slots: int, whole: int) -> None:
    assert filled(count, slots) == whole


@pytest.mark.parametrize(
    ("tokens", "counts"),
    [
        ("keep: 0.65", [10, 6, 4]),
        ("keep: 0.65, fill: 4", [8, 4, 4]),
        ("keep: [14, 9, 3], fill: 4", [12, 8, 4]),
        ("keep: 0.9, fill: 8", [16, 8, 8]),
        ("keep: 0.9, fill: 12", [12, 12, 12]),
        ("keep: [16, 15, 2], fill: 10", [16, 10, 10]),  # no more than there are
    ],
)
def test_a_recipes_counts_fill_the_engines_words(tokens: str, counts: list[int]) -> None:
    recipe = parse_recipe(
        f"{{name: t, data: digits, model: {{depth: 4}}, constraints: {{tokens: {{{tokens}}}, "
        "quantisers: {layers: {'*': {scheme: pot, bits: 3}}}}}"
    )
    assert recipe.kept_tokens() == counts
    assert [selector.keep for selector in selectors(student_model(recipe))] == counts


def test_soft_masks_are_binary_cumulative_and_carry_gradients() -> None:
    torch.manual_seed(1)
    first, second = TokenSelector(8, 8).train(), TokenSelector(8, 4).train()
    x = stream()
    same, p1, c1 = first.select(x, None)
    _, p2, c2 = second.select(x, p1)
    assert same is x
    assert p1 is not None
    assert p2 is not None
    assert p1 is c1
    assert p2 is c2
    assert set(p1.unique().tolist()) == {0.0, 1.0}
    assert not ((p2 > 0.5) & (p1 < 0.5)).any()
    p2.sum().backward()
    for weight in (first.hidden.weight, second.score.weight):
        assert weight.grad is not None
        assert bool(weight.grad.any())


def test_evaluation_gathers_the_top_tokens_in_ascending_order() -> None:
    selector = TokenSelector(8, 5).eval()
    x = stream()
    out, keep, indices = selector.select(x, None)
    assert keep is None
    assert out.shape == (4, 3, 5, 8)
    assert (indices.diff(dim=1) > 0).all()
    for b in range(3):
        assert torch.equal(out[:, b], x[:, b, indices[b]])
    scores = selector.scores(x)
    z = scores[..., 0] - scores[..., 1]
    dropped = torch.ones_like(z, dtype=torch.bool).scatter(1, indices, False)
    assert (z.gather(1, indices).amin(1) >= z.masked_fill(~dropped, -1e9).amax(1)).all()


def test_ties_go_to_the_lower_index() -> None:
    z = torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0]])
    assert top_tokens(z, 3).tolist() == [[0, 1, 3]]
    assert gather_tokens(torch.arange(5.0).reshape(1, 1, 5, 1), top_tokens(z, 3)).flatten().tolist() == [0, 1, 3]


def test_losses() -> None:
    half = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert float(ratio_loss([half, half], [0.5, 0.25])) == pytest.approx(0.25**2 / 2)
    logits = torch.randn(4, 10)
    assert float(distillation_loss(logits, logits)) == pytest.approx(0.0, abs=1e-6)
    assert float(distillation_loss(logits, -logits)) > 0.1


@pytest.mark.parametrize(("scheme", "hidden"), [("uniform", None), ("pot", None), ("uniform", 5)])
def test_integer_selector_equals_plain_integers(scheme: str, hidden: int | None) -> None:
    torch.manual_seed(5)
    source = TokenSelector(8, 6, hidden, ceiling=3.0)
    assert source.hidden.weight.shape == (hidden or 4, 8)
    with torch.no_grad():
        source.hidden.bias.uniform_(-0.5, 0.5)
    fmt = QuantFormat(scheme, 4, 5)  # type: ignore[arg-type]
    selector = QuantSelector(source, 4, fmt, fmt).eval().double()
    x = stream(2)
    z = selector.integer_scores(x.double()).detach().numpy()

    def values(layer: torch.nn.Module) -> np.ndarray:
        codes = layer.integer_codes()  # type: ignore[operator]
        return fmt.values(codes).numpy().astype(np.int64)

    w1, w2 = values(selector.hidden), values(selector.score)
    b1, b2 = (b.detach().numpy().astype(np.int64) for b in (selector.hidden_bias(), selector.score_bias()))
    xi = x.numpy().astype(np.int64)
    a = sum((xi[t] @ w1.T) * 32 + b1 for t in range(4))
    h = np.minimum(255, np.maximum(0, a) >> int(selector.shift))
    assert h.max() > 40
    assert np.array_equal(z, ((h @ w2.T) * 32 + b2)[..., 0])


def test_integer_selector_learns_on_its_grid() -> None:
    torch.manual_seed(5)
    fmt = QuantFormat("uniform", 4, 5)
    selector = QuantSelector(TokenSelector(8, 6), 4, fmt, fmt).train()
    _, mask, _ = selector.select(stream(), None)
    assert mask is not None
    (mask * torch.rand(3, 16)).sum().backward()
    for name, parameter in selector.named_parameters():
        if not name.endswith("step"):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
