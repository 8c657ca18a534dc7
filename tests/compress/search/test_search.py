"""The search: mixtures of weights, and expected costs with gradients."""

import itertools
from dataclasses import replace

import pytest
import torch

from spikewright.compress.methods.masks import apply_masks, magnitude_masks, prunable
from spikewright.compress.methods.quantise import QuantFormat, best_step, candidates, fake_quantise
from spikewright.compress.methods.tokens import TokenSelector
from spikewright.compress.networks.activity import measured_activity
from spikewright.compress.networks.build import layer_names
from spikewright.compress.search.cost import CostWeights, HardwareCost, expected_maximum, hardware_cost
from spikewright.compress.search.mixtures import (
    Mixture,
    assign,
    begin_search,
    cool,
    end_search,
    masks_in_search,
)
from spikewright.compress.training.loop import Phase, Settings, train
from spikewright.compress.training.objective import Objective
from spikewright.compress.training.parameters import parameter_groups
from spikewright.cost.energy import Activity, layer_energy
from spikewright.cost.estimate import estimate_rom_bits, estimate_widths
from spikewright.cost.latency import layer_cycles
from spikewright.cost.rom import Widths
from spikewright.cost.shape import Shape
from spikewright.cost.widths import adder_bits
from spikewright.cost.work import Layer
from spikewright.models.data import load
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task

CONFIG = SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2)


def network() -> Spikformer:
    torch.manual_seed(6)
    return Spikformer(CONFIG)


def activity_of(model: Spikformer) -> dict[str, Activity]:
    images = make_task(load("digits"), limit=16).inputs(load("digits").train.images[:8])
    return measured_activity(model, images)


def test_the_candidates_are_those_that_make_sense() -> None:
    formats = {(f.scheme, f.bits) for f in candidates()}
    assert formats == {("uniform", b) for b in (2, 3, 4, 5, 6, 8)} | {("pot", 3), ("pot", 4)}
    assert [int(f.top) for f in candidates(("pot",))] == [4, 64], "shifts of 2 and 6, at most 7"
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


def test_the_cost_falls_with_narrower_candidates_and_pulls_to_the_target_from_both_sides() -> None:
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
    assert values[1] < values[2]
    optimiser = torch.optim.Adam([m.logits for m in mixtures.values()], lr=0.1)
    for start in (8, 2):
        with torch.no_grad():
            for mixture in mixtures.values():
                mixture.logits.copy_(torch.tensor([3.0 * (f.bits == start) for f in mixture.formats]))
        for _ in range(100):
            optimiser.zero_grad()
            cost(model, result, images).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        assert float(cost.expected_bits().detach()) == pytest.approx(3.0, abs=0.1)
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


TERMS = ("rom", "cycles", "adders", "energy")


def alone(cost: HardwareCost, term: str) -> HardwareCost:
    """The cost with the factor 1 on one of its terms, 0 on the others."""
    return replace(cost, factors=CostWeights(**dict.fromkeys([*TERMS, "target"], 0.0) | {term: 1.0}))


def value(cost: HardwareCost) -> torch.Tensor:
    return cost(None, None, torch.zeros(1))  # type: ignore[arg-type]


def choose(mixture: Mixture, number: int) -> QuantFormat:
    """Make a candidate as good as certain; the candidate."""
    with torch.no_grad():
        mixture.logits.copy_(60.0 * torch.nn.functional.one_hot(torch.tensor(number), len(mixture.formats)))
    return mixture.formats[number]


def figures(layers: list[Layer], activity: dict[str, Activity], fields: Widths) -> dict[str, float]:
    """What the cost model says of layers with their formats; fields: of the ROMs."""
    shape = Shape()
    stored = estimate_rom_bits(layers, shape)
    return {
        "rom": stored.value + stored.index,
        "cycles": sum(sum(layer_cycles(layer, shape)) for layer in layers),
        "adders": max(adder_bits(layer) for layer in layers),
        "energy": sum(
            layer_energy(layer, activity[layer.name], shape, replace(fields, code=layer.bits)).bits_pj
            for layer in layers
        ),
    }


@pytest.mark.parametrize("seed", range(4))
def test_at_certain_choices_each_term_is_the_cost_models_own_figure(seed: int) -> None:
    """Of formats that differ from layer to layer: the widest code and sum, the weights that are not rounded to 0."""
    model = network()
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    cost = replace(hardware_cost(model, mixtures, 8.0, activity), factors=CostWeights(target=0.0))
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(0, 6 if seed else 3, (len(mixtures),), generator=generator).tolist()
    layers = []
    for (name, mixture), number in zip(mixtures.items(), numbers, strict=True):
        layer, fmt = cost.layers[name], choose(mixture, number)
        kept = round(mixture.kept()[number] * layer.weights)
        layers.append(replace(layer, kept=kept, scheme=fmt.scheme, bits=fmt.bits))
    eight = [replace(cost.layers[name], scheme="uniform", bits=8) for name in mixtures]
    fields = estimate_widths(eight, Shape())
    wanted, whole = (figures(part, activity, fields) for part in (layers, eight))
    shares = {term: float(value(alone(cost, term)).detach()) for term in TERMS}
    assert shares == {term: pytest.approx(wanted[term] / whole[term], rel=1e-5) for term in TERMS}
    assert all(share < 0.999 for share in shares.values())
    factors = {"rom": 0.25, "cycles": 0.05, "adders": 0.1, "energy": 0.05}
    total = sum(factors[term] * share for term, share in shares.items())
    assert float(value(cost).detach()) == pytest.approx(total, rel=1e-5)
    bits = sum(layer.bits * layer.weights for layer in layers) / sum(layer.weights for layer in layers)
    for share in (1.5, 0.5):  # of the target
        aimed = replace(cost, target_bits=bits / share, factors=CostWeights())
        assert float(value(aimed).detach()) - total == pytest.approx(2 * 0.5, rel=1e-4)


@pytest.mark.parametrize("term", ["cycles", "adders", "energy"])
def test_at_uncertain_choices_a_term_is_the_mean_over_all_that_may_be_chosen(term: str) -> None:
    model = network()
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    whole = hardware_cost(model, mixtures, 8.0, activity)
    two = ["block.0.attn.q_linear", "block.0.attn.proj_linear"]
    pair = {name: mixtures[name] for name in two}
    cost = alone(replace(whole, mixtures=pair, layers={name: whole.layers[name] for name in two}), term)
    logits = torch.randn(2, 8, generator=torch.Generator().manual_seed(2))
    mean = 0.0
    for a, b in itertools.product(range(8), repeat=2):
        choose(pair[two[0]], a), choose(pair[two[1]], b)
        chance = logits[0].softmax(0)[a] * logits[1].softmax(0)[b]
        mean += float(chance * value(cost).detach())
    with torch.no_grad():
        for mixture, drawn in zip(pair.values(), logits, strict=True):
            mixture.logits.copy_(drawn)
    assert float(value(cost).detach()) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("term", TERMS)
def test_each_term_pulls_at_the_choices(term: str) -> None:
    model = network()
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    cost = alone(hardware_cost(model, mixtures, 8.0, activity), term)
    value(cost).backward()  # type: ignore[no-untyped-call]
    pulls = {name: torch.zeros(0) if m.logits.grad is None else m.logits.grad.clone() for name, m in mixtures.items()}
    # the head's sums wait for the score unit, whatever is rounded to 0; proj's are as good as never the widest
    rest = {"cycles": {"head"}, "adders": {"block.0.attn.proj_linear"}}.get(term, set())
    assert {name for name, pull in pulls.items() if pull.abs().max() > 1e-6} == set(mixtures) - rest
    # a step that way moves the term as far as it says
    length, costs = float(torch.cat([*pulls.values()]).norm()), []
    with torch.no_grad():
        for end in (0.1, -0.1):
            for name, mixture in mixtures.items():
                mixture.logits.copy_(end * pulls[name] / length)
            costs.append(float(value(cost)))
    assert (costs[0] - costs[1]) / 0.2 == pytest.approx(length, rel=0.02)


@pytest.mark.parametrize(("rate", "least", "most"), [(1e-3, 0.8, 1.25), (5e-2, 0.1249, 50.0)])
def test_steps_of_any_size_move_alike_and_never_cross_zero(rate: float, least: float, most: float) -> None:
    """An 8-bit step is a hundredth of a 2-bit one; below 0 its whole channel would be a constant in the package."""
    model = network()
    mixtures = begin_search(model, candidates())
    first = {n: [s.detach().clone() for s in m.steps] for n, m in mixtures.items()}
    train(model, make_task(load("digits"), limit=64), Settings(batch=8), Phase("s", 5, rate), Objective())
    parts = {n: [s.detach() / f for s, f in zip(m.steps, first[n], strict=True)] for n, m in mixtures.items()}
    assert all(bool((step > 0).all()) for m in mixtures.values() for step in m.steps)
    assert all(least <= float(part.median()) <= most for steps in parts.values() for part in steps)
    by_format = [torch.cat([steps[i].flatten() for steps in parts.values()]) for i in range(len(candidates()))]
    assert all(float((part - 1).abs().mean()) > 0.001 for part in by_format), "each format's steps learn"
    assert min(float(part.min()) for part in by_format) >= 0.1249


def test_the_cost_counts_what_eight_bits_keep_whatever_the_mixtures_show_just_now() -> None:
    model = network()
    activity = activity_of(model)
    kept = []
    for mode in (model.train, model.eval):
        mixtures = begin_search(model, candidates())
        mode()
        layers = hardware_cost(model, mixtures, 3.5, activity).layers
        kept.append({name: layer.kept for name, layer in layers.items()})
        end_search(model)
        model.load_state_dict(network().state_dict())
    assert kept[0] == kept[1]
    weight = network().get_parameter("block.0.mlp.fc1_linear.weight")
    eight = QuantFormat("uniform", 8)
    codes = eight.codes(weight.detach().double() / best_step(weight, eight, per_channel=True).double())
    assert kept[0]["block.0.mlp.fc1_linear"] == int(codes.count_nonzero())


def test_pruned_outputs_do_not_decide_how_fast_the_others_steps_learn() -> None:
    rates = []
    for dead in (0, 12):
        model = network()
        with torch.no_grad():
            model.get_parameter("block.0.mlp.fc1_linear.weight")[32 - 2 * dead :] = 0
        begin_search(model, candidates())
        groups = parameter_groups(model, 1e-3)
        steps = model.get_parameter("block.0.mlp.fc1_linear.parametrizations.weight.0.steps.3")
        rates += [group["lr"] / float(steps.detach()[0]) for group in groups if group["params"][0] is steps]
    assert rates[0] == pytest.approx(2e-3, rel=0.5)
    assert rates[1] == pytest.approx(2e-3, rel=0.5)


def test_a_selectors_mixtures_have_one_step_a_layer_as_its_integers_have() -> None:
    model = network()
    model.selector["0"] = TokenSelector(16, 8, 6)
    mixtures = begin_search(model, candidates())
    assert {s.numel() for part in ("hidden", "score") for s in mixtures[f"selector.0.{part}"].steps} == {1}
    assert {s.numel() for s in mixtures["block.0.attn.q_linear"].steps} == {16}


def test_mixtures_cool_to_nearly_one_candidate_by_the_last_epoch() -> None:
    mixture = Mixture(torch.randn(4, 5), candidates(), per_channel=False)
    temperatures = []
    for done in range(5):
        cool({"a": mixture}, done, 5)
        temperatures.append(mixture.temperature)
    assert temperatures[0] == 1.0
    assert temperatures[-1] == pytest.approx(0.1)
    assert {round(b / a, 6) for a, b in itertools.pairwise(temperatures)} == {round(0.1**0.25, 6)}
    greatest = []
    for done in (0, 4):
        cool({"a": mixture}, done, 5)
        torch.manual_seed(0)
        shares = torch.nn.functional.gumbel_softmax(torch.zeros(200, 8), tau=mixture.temperature)
        greatest.append(float(shares.amax(1).median()))
    assert greatest[0] < 0.5
    assert greatest[1] > 0.95
    cool({"a": mixture}, 0, 1)  # a search of one epoch
    assert mixture.temperature == 1.0


def test_a_search_trains_weights_steps_and_choices_under_masks() -> None:
    model = network()
    weights = dict(prunable(model))
    masks = magnitude_masks(weights, sum(w.numel() for w in weights.values()) // 2)
    apply_masks(model, masks)
    activity = activity_of(model)
    mixtures = begin_search(model, candidates())
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    objective = Objective(terms=(hardware_cost(model, mixtures, 3.0, activity),))
    phase = Phase("search", 2, 2e-3, masks=masks_in_search(masks, mixtures))
    train(model, make_task(load("digits"), limit=64), Settings(batch=16), phase, objective)
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    stem = "block.0.mlp.fc1_linear.parametrizations.weight"
    assert {f"{stem}.original", f"{stem}.0.logits", f"{stem}.0.steps.1"} <= moved
    sizes = {n: model.get_submodule(n).weight.numel() for n in mixtures}  # type: ignore[union-attr, operator]
    chosen = assign(mixtures, sizes, 3.0)  # type: ignore[arg-type]
    end_search(model)
    assert all((p[~masks[n]] == 0).all() for n, p in model.named_parameters() if n in masks)
    assert set(chosen) == set(layer_names(model))
    assert all(isinstance(f, QuantFormat) for f in chosen.values())
