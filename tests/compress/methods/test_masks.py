"""Lottery pruning: exact counts, monotone masks, rewound values, refusals."""

import itertools

import pytest
import torch

from spikewright.compress.methods.masks import (
    MaskError,
    apply_masks,
    block_matrices,
    magnitude_masks,
    matrix_masks,
    prunable,
    pruned_share,
    reinitialised,
    rewind,
    selector_weights,
    survivors,
)
from spikewright.compress.methods.tokens import TokenSelector
from spikewright.compress.networks.build import add_selectors, dense_model
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.stages.run import fast
from spikewright.models.convnets import ConvNet, ConvNetConfig
from spikewright.models.spikformer import BlockWidths, Spikformer, SpikformerConfig

RECIPE = Recipe.model_validate(
    {
        "name": "t", "data": "digits", "model": {"dim": 16, "heads": 2},
        "constraints": {"tokens": {"keep": 0.5}, "quantisers": {"layers": {"*": {"scheme": "pot", "bits": 3}}}},
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("total", "sparsity", "rounds"), [(1000, 0.9, 8), (162_152, 0.9, 6), (7, 0.5, 3), (10, 0.9, 1)]
)
def test_rounds_fall_and_the_last_hits_the_exact_count(total: int, sparsity: float, rounds: int) -> None:
    counts = [survivors(total, sparsity, rounds, r) for r in range(rounds + 1)]
    assert counts[0] == total
    assert counts == sorted(counts, reverse=True)
    pruned = total - counts[-1]
    assert pruned >= sparsity * total - 1e-6
    assert pruned - 1 < sparsity * total
    for before, after in itertools.pairwise(counts):
        assert after / before == pytest.approx((1 - sparsity) ** (1 / rounds), abs=2 / before)


def test_masks_keep_the_greatest_weights_of_all_layers_together() -> None:
    weights = {"a": torch.tensor([[0.1, -5.0], [0.2, 0.3]]), "b": torch.tensor([[4.0, 0.05]])}
    masks = magnitude_masks(weights, 3)
    assert masks["a"].tolist() == [[False, True], [False, True]]
    assert masks["b"].tolist() == [[True, False]]


def test_the_share_that_is_pruned_counts_selectors_as_kept_and_whole_dimensions_as_gone() -> None:
    config = SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2)
    network = Spikformer(config)
    dense = sum(p.numel() for n, p in network.named_parameters() if p.dim() > 1)
    network.selector["0"] = TokenSelector(16, 5)
    apart = 8 * 16 + 8  # hidden weights, and the one row of the score that is stored
    assert pruned_share(network) == 0
    with torch.no_grad():
        network.block[0].mlp.fc1_linear.weight[:, 3:] = 0  # type: ignore[union-attr]
        network.selector["0"].hidden.weight.zero_()
    assert pruned_share(network) == pytest.approx(32 * 13 / (dense + apart))
    small = Spikformer(config.model_copy(update={"blocks": (BlockWidths(qk=8, v=16, hidden=32),)}))
    assert pruned_share(small, Spikformer(config)) == pytest.approx(2 * 8 * 16 / dense)


def test_masks_are_exact_with_ties_and_never_give_a_weight_back() -> None:
    weights = {"a": torch.ones(4, 4), "b": torch.full((2, 2), 2.0)}
    before = magnitude_masks({"a": torch.randn(4, 4), "b": torch.randn(2, 2) * 3}, 12)
    masks = magnitude_masks(weights, 9, before)
    assert sum(int(m.sum()) for m in masks.values()) == 9
    assert all(not (m & ~before[n]).any() for n, m in masks.items())


def test_more_than_survived_or_an_emptied_layer_is_refused() -> None:
    weights = {"a": torch.ones(2, 2), "b": torch.full((2, 2), 0.1)}
    with pytest.raises(ValueError, match="b would have none"):
        magnitude_masks(weights, 4)
    with pytest.raises(ValueError, match="at most the 5 surviving"):
        magnitude_masks(weights, 6, magnitude_masks(weights, 5))


def test_prunable_leaves_selectors_norms_and_biases_alone() -> None:
    model = dense_model(RECIPE)
    add_selectors(model, RECIPE)
    names = set(prunable(model))
    assert "head.weight" in names
    assert "patch_embed.proj_conv.weight" in names
    assert not any("selector" in n or "bn" in n or "bias" in n for n in names)
    assert selector_weights(model) == 16 * 8 + 8


def test_rewind_restores_early_values_under_the_mask_and_nothing_else() -> None:
    model = dense_model(RECIPE)
    add_selectors(model, RECIPE)
    early = {n: t.clone() for n, t in model.state_dict().items()}
    masks = magnitude_masks({n: torch.rand_like(p) for n, p in prunable(model).items()}, 1000)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    rewind(model, early, masks)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, early[name] * masks[name] if name in masks else early[name])


def test_apply_masks_zeroes_in_place() -> None:
    model = dense_model(RECIPE)
    mask = torch.zeros_like(model.head.weight, dtype=torch.bool)
    apply_masks(model, {"head.weight": mask})
    assert not model.head.weight.any()


def test_balanced_masks_keep_equally_many_in_each_bank_of_an_output() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = {
        "conv": torch.randn(6, 8, 3, 3, generator=generator),
        "image": torch.randn(6, 1, 3, 3, generator=generator),  # one channel falls into no banks
        "dense": torch.randn(12, 16, generator=generator),
    }
    total = sum(w.numel() for w in weights.values())
    keep = total // 7
    masks = magnitude_masks(weights, keep, banks=4)
    kept = sum(int(m.sum()) for m in masks.values())
    assert keep - 4 < kept <= keep
    for name in ("conv", "dense"):
        mask = masks[name].flatten(2) if masks[name].dim() > 2 else masks[name][:, :, None]
        counts = torch.stack([mask[:, bank::4].sum((1, 2)) for bank in range(4)], 1)
        assert (counts == counts[:, :1]).all()
        assert counts.unique().numel() > 1, "outputs differ, banks do not"
    # in a bank of an output the greatest stay
    banks = [(weights["dense"][out, 0::4].abs(), masks["dense"][out, 0::4]) for out in range(12)]
    partly = [(row, alive) for row, alive in banks if 0 < int(alive.sum()) < 4]
    assert partly
    assert all(row[alive].min() > row[~alive].max() for row, alive in partly)
    tighter = magnitude_masks(weights, keep // 2, masks, banks=4)
    assert all(not (m & ~masks[n]).any() for n, m in tighter.items())
    assert keep // 2 - 4 < sum(int(m.sum()) for m in tighter.values()) <= keep // 2


def test_l1p_prunes_each_matrix_of_the_blocks_to_its_exact_count() -> None:
    model = dense_model(RECIPE)
    matrices = block_matrices(model)
    assert len(matrices) == 2 * 6
    masks = matrix_masks(dict(matrices), 0.8)
    for name, mask in masks.items():
        assert int((~mask).sum()) == -(-mask.numel() * 4 // 5)
        weight = matrices[name].detach().abs()
        assert weight[mask].min() >= weight[~mask].max()
    with pytest.raises(ValueError, match=r"block.0.attn.q_linear.weight would have none"):
        matrix_masks(dict(matrices), 0.9999)


def test_the_control_of_rewinding_draws_everything_anew() -> None:
    model = dense_model(RECIPE)
    first, second, again = (reinitialised(model, 1, label) for label in ("x", "y", "x"))
    elsewhere = reinitialised(fast(dense_model(RECIPE)), 1, "x")  # another order in memory
    assert all(torch.equal(first[n], again[n]) and torch.equal(first[n], elsewhere[n]) for n in first)
    for name in ("block.0.attn.q_linear.weight", "patch_embed.proj_conv1.weight"):
        assert not torch.equal(first[name], second[name])
        assert not torch.equal(first[name], model.state_dict()[name])
        assert first[name].std() == pytest.approx(float(model.state_dict()[name].std()), rel=0.35)


def test_the_control_draws_every_weight_that_pruning_may_take() -> None:
    """Of a network with shortcuts, too, whose matrices are no layer of PyTorch's."""
    model = ConvNet(ConvNetConfig(family="resnet", depth=12, width_factor=0.07, steps=2))
    drawn, weights = reinitialised(model, 1, "x"), prunable(model)
    assert any(".shortcut." in name for name in weights)
    for name, weight in weights.items():
        assert not torch.equal(drawn[name], weight), name


def test_no_weights_left_is_refused() -> None:
    """So it is where the selectors, which always count as kept, take all that may stay."""
    with pytest.raises(MaskError, match="masks must keep some weights, not -3"):
        magnitude_masks({"a": torch.ones(4, 4)}, -3)
