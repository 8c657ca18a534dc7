"""One format for each layer at the end of a search: the likeliest together that reach the target."""

import itertools

import pytest
import torch

from spikewright.compress.methods.quantise import candidates
from spikewright.compress.search.mixtures import (
    Mixture,
    assign,
)


def test_weights_that_are_not_searched_count_in_the_average() -> None:
    mixtures = {"a": Mixture(torch.randn(4, 5), candidates(("uniform",)), per_channel=False)}
    with torch.no_grad():
        mixtures["a"].logits.copy_(torch.arange(6.0))  # the widest is the likeliest
    assert assign(mixtures, {"a": 100}, 4.0)["a"].bits == 4
    assert assign(mixtures, {"a": 100}, 4.0, fixed=[8] * 25)["a"].bits == 3
    assert assign(mixtures, {"a": 100}, 4.0, fixed=[8] * 50)["a"].bits == 2


def test_the_layer_that_likes_bits_gets_what_the_target_leaves() -> None:
    mixtures = {name: Mixture(torch.randn(4, 5), candidates(("uniform",), (2, 4)), per_channel=False) for name in "ab"}
    with torch.no_grad():
        for name, wide in (("a", -2.0), ("b", -1.0)):  # both like 2 bits better, b less so
            mixtures[name].logits.copy_(torch.tensor([0.0, wide]))
    chosen = assign(mixtures, {"a": 10, "b": 10}, 3.0)
    assert [chosen[name].bits for name in "ab"] == [2, 4]
    assert [f.bits for f in assign(mixtures, {"a": 10, "b": 10}, 4.0).values()] == [4, 4]


@pytest.mark.parametrize("seed", range(5))
def test_an_assignment_is_the_likeliest_of_all_that_reach_the_target(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = {"a": 100, "b": 130, "c": 170, "d": 400}
    mixtures = {n: Mixture(torch.randn(4, 5), candidates(("uniform",), (2, 4, 8)), per_channel=False) for n in weights}
    with torch.no_grad():
        for mixture in mixtures.values():
            mixture.logits.copy_(2 * torch.randn(3, generator=generator))
        mixtures["a"].logits[2] = 9.0  # one layer likes 8 bits, so that all may have them
    total = sum(weights.values())
    choices = {}
    for choice in itertools.product(range(3), repeat=4):
        bits = sum(w * (2, 4, 8)[i] for w, i in zip(weights.values(), choice, strict=True)) / total
        likely = sum(float(m.probabilities().detach()[i].log()) for m, i in zip(mixtures.values(), choice, strict=True))
        choices[choice] = bits, likely
    target = sorted(bits for bits, _ in choices.values())[40 + seed] + 0.002
    reach = {choice: likely for choice, (bits, likely) in choices.items() if target - 0.01 <= bits <= target}
    best = max(reach, key=lambda choice: reach[choice])
    chosen = assign(mixtures, weights, target)
    assert tuple((2, 4, 8).index(fmt.bits) for fmt in chosen.values()) == best


@pytest.mark.parametrize(("target", "widest"), [(3.0, 3), (3.5, 4), (5.5, 6)])
def test_what_the_target_leaves_widens_no_layer_beyond_the_others(target: float, widest: int) -> None:
    """One layer of 8 bits would do instead of five of 4, and double the ROM of all."""
    names = "abcdefghij"
    mixtures = {name: Mixture(torch.randn(4, 5), candidates(("uniform",)), per_channel=False) for name in names}
    with torch.no_grad():
        for mixture in mixtures.values():
            mixture.logits.copy_(torch.tensor([0.0, 5.0, 1.0, 1.0, 1.0, 1.0]))  # 3 bits
    chosen = assign(mixtures, dict.fromkeys(names, 100), target)
    assert max(fmt.bits for fmt in chosen.values()) == widest
    assert sum(fmt.bits for fmt in chosen.values()) == 10 * target
    with torch.no_grad():
        mixtures["b"].logits[-1] = 9.0  # unless the search itself likes them
    assert assign(mixtures, dict.fromkeys(names, 100), 4.0)["b"].bits == 8


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
    assert average >= target - 0.011
    only = {n: Mixture(torch.randn(4, 5), candidates(("pot",)), per_channel=False) for n in weights}
    if target < 3:
        with pytest.raises(ValueError, match="below what the smallest candidates take"):
            assign(only, weights, target)
    else:
        assert {f.scheme for f in assign(only, weights, target).values()} == {"pot"}
