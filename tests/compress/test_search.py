"""The search: mixtures of weights, expected costs with gradients, assignments that meet their target."""

import pytest
import torch

from spikewright.compress.activity import measured_activity
from spikewright.compress.build import layer_names
from spikewright.compress.masks import apply_masks, magnitude_masks, prunable
from spikewright.compress.objective import Objective
from spikewright.compress.quantise import WeightFormat, best_step, candidates, fake_quantise
from spikewright.compress.search import (
    Mixture,
    assign,
    begin_search,
    end_search,
    masks_in_search,
)
from spikewright.compress.search_cost import expected_maximum, hardware_cost
from spikewright.compress.task import make_task
from spikewright.compress.training import Phase, Settings, train
from spikewright.cost.energy import Activity
from spikewright.models.data import load
from spikewright.models.spikformer import Spikformer, SpikformerConfig

CONFIG = SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2)


def network() -> Spikformer:
    torch.manual_seed(6)
    return Spikformer(CONFIG)


def activity_of(model: Spikformer) -> dict[str, Activity]:
    images = make_task(load("digits"), limit=16).inputs(load("digits").train.images[:8])
    return measured_activity(model, images)


def test_the_candidates_are_those_that_make_sense() -> None:
    found = {(f.scheme, f.bits) for f in candidates()}
    assert found == {("uniform", b) for b in (2, 3, 4, 5, 6, 8)} | {("pot", 3), ("pot", 4)}
    assert all(f.limit - 1 <= 7 for f in candidates(("pot",))), "shifts of at most 7"
    assert [f.bits for f in candidates(("uniform",), (3, 4))] == [3, 4]


def test_a_mixture_is_the_weighted_sum_of_the_quantised_weights() -> None:
    weight = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    mixture = Mixture(weight, candidates(), per_channel=True)
    torch.manual_seed(3)
    mixed = mixture(weight)
    torch.manual_seed(3)
    share = torch.nn.functional.gumbel_softmax(mixture.logits, tau=1.0)
    parts = [fake_quantise(weight, best_step(weight, f, per_channel=True), f) for f in candidates()]
    assert torch.allclose(mixed, sum(g * p for g, p in zip(share, parts, strict=True)))  # type: ignore[arg-type]
    mixed.sum().backward()
    assert mixture.logits.grad is not None
    assert mixture.logits.grad.abs().sum() > 0
    assert all(step.grad is not None for step in mixture.steps)
    mixture.eval()
    with torch.no_grad():
        mixture.logits[4] = 2.0
    assert torch.equal(mixture(weight), parts[4])


def test_weights_are_mixed_in_every_layer_and_plain_again_afterwards() -> None:
    model = network()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    mixtures = begin_search(model, candidates())
    assert list(mixtures) == layer_names(model)
    end_search(model)
    after = dict(model.named_parameters())
    assert set(after) == set(before)
    assert all(torch.equal(after[n], before[n]) for n in before)


def test_the_cost_falls_with_narrower_candidates_and_pulls_towards_the_target() -> None:
    model = network()
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    cost = hardware_cost(model, mixtures, 3.0, activity)
    even = cost.expected_bits().item()
    assert even == pytest.approx(sum(f.bits for f in candidates()) / len(candidates()))
    images = torch.zeros(1, 1, 16, 16)
    result = model.run(images)
    values = []
    for bits in (2, 4, 8):
        with torch.no_grad():
            for mixture in mixtures.values():
                mixture.logits.copy_(torch.tensor([12.0 * (f.bits == bits) for f in mixture.formats]))
        values.append(float(cost(model, result, images).detach()))
    assert values[0] < values[1] < values[2]
    optimiser = torch.optim.Adam([m.logits for m in mixtures.values()], lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        cost(model, result, images).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(cost.expected_bits().detach()) < 3.1
    with pytest.raises(ValueError, match=r"target_bits must be at least 2, the smallest width, not 1\.5"):
        hardware_cost(model, mixtures, 1.5, activity)


def test_the_expected_maximum_is_that_of_independent_choices() -> None:
    values = [torch.tensor([2.0, 4.0]), torch.tensor([3.0, 8.0])]
    chances = [torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5])]
    want = sum(
        float(p * q) * max(float(a), float(b))
        for a, p in zip(values[0], chances[0], strict=True)
        for b, q in zip(values[1], chances[1], strict=True)
    )
    assert float(expected_maximum(values, chances)) == pytest.approx(want)
    certain = [torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])]
    assert float(expected_maximum(values, certain)) == 3.0


def test_the_cost_sees_what_the_engine_sees() -> None:
    """At certain choices the terms are the cost model's own figures: widest code, widest sum, kept weights."""
    model = network()
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    cost = hardware_cost(model, mixtures, 8.0, activity)

    def at(scheme: str, bits: int, only: str | None = None) -> float:
        with torch.no_grad():
            for name, mixture in mixtures.items():
                wanted = (scheme, bits) if only in (None, name) else ("uniform", 2)
                mixture.logits.copy_(torch.tensor([60.0 * ((f.scheme, f.bits) == wanted) for f in mixture.formats]))
        return float(cost(model, None, None).detach())  # type: ignore[arg-type]

    one = next(iter(mixtures))
    assert at("uniform", 8) == pytest.approx(0.05 + 0.05 + 0.02 + 0.05, abs=0.01)
    assert at("uniform", 8, only=one) > at("uniform", 4) - 0.05  # one wide layer makes every stored code wide
    assert at("pot", 4) < at("uniform", 8)
    assert at("uniform", 2) < at("uniform", 3) < at("uniform", 5)


def test_weights_that_are_not_searched_count_in_the_average() -> None:
    mixtures = {"a": Mixture(torch.randn(4, 5), candidates(("uniform",)), per_channel=False)}
    with torch.no_grad():
        mixtures["a"].logits.copy_(torch.arange(6.0))  # the widest is the likeliest
    assert assign(mixtures, {"a": 100}, 4.0)["a"].bits == 4
    assert assign(mixtures, {"a": 100}, 4.0, fixed=[8] * 25)["a"].bits == 3
    assert assign(mixtures, {"a": 100}, 4.0, fixed=[8] * 50)["a"].bits == 2


@pytest.mark.parametrize("target", [2.0, 3.0, 3.67, 4.0, 8.0])
def test_an_assignment_meets_its_target_and_prefers_the_likely(target: float) -> None:
    generator = torch.Generator().manual_seed(1)
    weights = {f"l{i}": int(n) for i, n in enumerate(torch.randint(50, 900, (12,), generator=generator))}
    mixtures = {}
    for name in weights:
        mixtures[name] = Mixture(torch.randn(4, 5, generator=generator), candidates(), per_channel=False)
        with torch.no_grad():
            mixtures[name].logits.copy_(torch.randn(8, generator=generator))
    chosen = assign(mixtures, weights, target)
    average = sum(weights[n] * f.bits for n, f in chosen.items()) / sum(weights.values())
    assert average <= target + 1e-9
    assert average > target - 0.5 or target == 8.0
    if target == 8.0:
        assert all(chosen[n] == m.formats[int(m.logits.argmax())] for n, m in mixtures.items())
    only = {n: Mixture(torch.randn(4, 5), candidates(("pot",)), per_channel=False) for n in weights}
    if target < 3:
        with pytest.raises(ValueError, match="below what the smallest candidates take"):
            assign(only, weights, target)
    else:
        assert {f.scheme for f in assign(only, weights, target).values()} == {"pot"}


def test_a_search_trains_weights_steps_and_choices_under_masks() -> None:
    model = network()
    weights = dict(prunable(model))
    masks = magnitude_masks(weights, sum(w.numel() for w in weights.values()) // 2)
    apply_masks(model, masks)
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    objective = Objective(terms=(hardware_cost(model, mixtures, 3.0, activity),))
    phase = Phase("search", 2, 2e-3, masks=masks_in_search(masks))
    train(model, make_task(load("digits"), limit=64), Settings(batch=16), phase, objective)
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    stem = "block.0.mlp.fc1_linear.parametrizations.weight"
    assert {f"{stem}.original", f"{stem}.0.logits", f"{stem}.0.steps.1"} <= moved
    sizes = {n: model.get_submodule(n).weight.numel() for n in mixtures}  # type: ignore[union-attr, operator]
    chosen = assign(mixtures, sizes, 3.0)  # type: ignore[arg-type]
    end_search(model)
    assert all((p[~masks[n]] == 0).all() for n, p in model.named_parameters() if n in masks)
    assert set(chosen) == set(layer_names(model))
    assert all(isinstance(f, WeightFormat) for f in chosen.values())
