"""``banks: k``: equally many weights of an output in each bank, whatever prunes them, down to the stored codes."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from spikewright.compress.methods.guided import Regrowth
from spikewright.compress.methods.masks import Masks, matrix_masks
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages.run import state_and_masks
from spikewright.models.package import read_package

BANKS = 4
SPIKFORMER = "{dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}"
VGG = "{family: vgg, depth: 11, width_factor: 0.0625, steps: 1}"
RECIPE = """
name: banks
data: digits
model: MODEL
training: {batch: 8, images: 16}
teacher: {epochs: 1, rate: 0.001}
constraints:
  masks: {METHOD, epochs: 1, rate: 0.001, banks: 4}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, rate: 0.1, layers: {"*": {scheme: uniform, bits: 4}}}
"""
METHODS = {
    "l1p": (SPIKFORMER, "method: l1p, sparsity: 0.6", 1),
    "lottery": (SPIKFORMER, "sparsity: 0.3, rounds: 2, rewind: 1", 2),
    "magnitude": (VGG, "method: magnitude, sparsity: 0.6", 0),
    "attention-guided": (VGG, "method: attention-guided, sparsity: 0.6, final_epochs: 3, regrowth: 0.5", 0),
}


def by_bank(kept: Tensor) -> Tensor:
    """How many of an output's weights lie in each bank: ``[out, banks]`` of bools ``[out, in, ...]``."""
    flat = kept.reshape(*kept.shape[:2], -1)
    return torch.stack([flat[:, bank::BANKS].sum((1, 2)) for bank in range(BANKS)], 1)


def divided(masks: Masks) -> Masks:
    """Those of layers whose channels fall into banks: the image's do not."""
    return {name: mask for name, mask in masks.items() if mask.shape[1] >= BANKS}


def balanced(mask: Tensor) -> bool:
    counts = by_bank(mask)
    return bool((counts == counts[:, :1]).all())


@pytest.mark.parametrize("method", METHODS)
def test_every_output_keeps_equally_many_in_each_bank(method: str, tmp_path: Path) -> None:
    model, masks, rounds = METHODS[method]
    (tmp_path / "r.yaml").write_text(RECIPE.replace("MODEL", model).replace("METHOD", masks))
    package = read_package(run_recipe(tmp_path / "r.yaml", tmp_path / "run"))
    last = f"masks-{rounds:02d}" if rounds else "masks-snn"
    _, final_masks = state_and_masks(load_file(tmp_path / "run" / "stages" / f"{last}.safetensors"))
    pruned = divided(final_masks)
    assert sum(not mask.all() for mask in pruned.values()) >= 6  # of a narrow vgg some layers stay dense
    assert all(balanced(mask) for mask in pruned.values())
    # rounding takes some more away, so that of the codes a bank holds at most its equal share
    for name, mask in pruned.items():
        codes = torch.from_numpy(package.tensors[f"{name.removesuffix('.weight')}.codes"])
        kept = (codes != 0).reshape(mask.shape)
        assert not (kept & ~mask).any(), name
        assert kept.sum() > 0.3 * mask.sum(), name


def test_weights_move_from_the_least_to_the_greatest_momentum_and_banks_stay_equal() -> None:
    generator = torch.Generator().manual_seed(4)
    layer = torch.nn.Linear(16, 12, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(12, 16, generator=generator))
    masks = matrix_masks({"weight": layer.weight}, 0.6, banks=BANKS)
    before = masks["weight"].clone()
    momentum = torch.randn(12, 16, generator=generator)
    optimiser = torch.optim.AdamW(layer.parameters())
    optimiser.state[layer.weight]["exp_avg"] = momentum
    size = (layer.weight.detach() * before).abs()
    Regrowth(0.8, BANKS)(layer, optimiser, masks, 1, 3)
    mask = masks["weight"]
    assert balanced(mask)
    gone, came = before & ~mask, mask & ~before
    share = 0.8 * 0.5 * (1 + math.cos(math.pi / 3))
    assert int(gone.sum()) == int(came.sum()) == int(share * int(before.sum())) // BANKS * BANKS > BANKS
    assert len(set(by_bank(gone)[:, 0].tolist())) > 1, "outputs differ, banks do not"
    # within a bank of an output the least go and those of the greatest momentum come
    for out in range(12):
        for bank in range(BANKS):
            here = (slice(out, out + 1), slice(bank, None, BANKS))
            if gone[here].any() and (before & mask)[here].any():
                assert size[here][gone[here]].max() < size[here][(before & mask)[here]].min()
            if came[here].any() and (~before & ~mask)[here].any():
                assert momentum.abs()[here][came[here]].min() > momentum.abs()[here][(~before & ~mask)[here]].max()


def test_l1p_keeps_the_greatest_of_each_bank_and_the_outputs_differ() -> None:
    weight = torch.randn(12, 16, generator=torch.Generator().manual_seed(3))
    mask = matrix_masks({"a": weight}, 0.6, banks=BANKS)["a"]
    assert 12 * 16 * 0.4 - BANKS < int(mask.sum()) <= 12 * 16 * 0.4
    assert balanced(mask)
    assert len(set(by_bank(mask)[:, 0].tolist())) > 1
    for row, kept in zip(weight.abs(), mask, strict=True):
        for bank in range(BANKS):
            mine, alive = row[bank::BANKS], kept[bank::BANKS]
            if alive.any() and not alive.all():
                assert mine[alive].min() > mine[~alive].max()
