"""Lottery tickets on a plain module, without recipes; and a run that begins with a user's weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spikewright.compress.methods.lottery import LotteryTickets
from spikewright.compress.methods.masks import MaskError, apply_masks
from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run.artefacts import stage_key
from spikewright.compress.run.runner import run_recipe
from spikewright.models.factory import FactoryError
from spikewright.models.spikformer import Spikformer, SpikformerConfig

RECIPE = """
name: given
data: digits
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 0, checkpoint: FILE}
constraints:
  tokens: {keep: 0.6, epochs: 1}
  masks: {method: lottery, sparsity: 0.5, rounds: 2, epochs: 1, rewind: 0}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


def module() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))


def test_each_round_prunes_what_was_trained_and_rewinds_to_the_early_weights() -> None:
    network = module()
    early = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
    counts, before = [], None
    for masks in LotteryTickets(network, early, sparsity=0.9, rounds=4):
        state = network.state_dict()
        for name, tensor in early.items():
            assert torch.equal(state[name], tensor * masks.get(name, torch.tensor(True)))
        assert before is None or not any((mask & ~before[name]).any() for name, mask in masks.items())
        with torch.no_grad():  # training
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        apply_masks(network, masks)
        counts.append(sum(int(mask.sum()) for mask in masks.values()))
        before = masks
    assert counts == [506, 285, 160, 90]  # 900 · 0.1^(n/4), the last exactly
    assert sum(int(p.count_nonzero()) for p in network.parameters() if p.dim() > 1) == 90


def test_the_first_round_keeps_the_greatest_trained_weights() -> None:
    network = module()
    trained = torch.cat([p.detach().abs().flatten() for p in network.parameters() if p.dim() > 1])
    early = {name: torch.ones_like(tensor) for name, tensor in network.state_dict().items()}
    masks = next(iter(LotteryTickets(network, early, sparsity=0.75, rounds=1)))
    kept = torch.cat([mask.flatten() for mask in masks.values()])
    assert trained[kept].min() > trained[~kept].max()


def test_tickets_that_empty_a_layer_are_refused() -> None:
    network = module()
    with torch.no_grad():
        network[2].weight.mul_(1e-6)
    with pytest.raises(MaskError, match=r"2\.weight would have none"):
        list(LotteryTickets(network, network.state_dict(), sparsity=0.9, rounds=1))


def test_a_run_begins_with_a_users_weights(tmp_path: Path) -> None:
    """Without training a teacher: the checkpoint is the teacher, and what masks rewind to."""
    torch.manual_seed(11)
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2))
    file, path, run = tmp_path / "best.safetensors", tmp_path / "given.yaml", tmp_path / "run"
    save_file(network.state_dict(), file)
    path.write_text(RECIPE.replace("FILE", str(file)))
    assert run_recipe(path, run).is_file()
    for stage in ("teacher", "early"):
        checkpoint = load_file(run / "stages" / f"{stage}.safetensors")
        assert all(torch.equal(checkpoint[name], tensor) for name, tensor in network.state_dict().items())
    recipe = parse_recipe(path.read_text())
    key = stage_key(recipe, "teacher")
    save_file({n: t + 1 for n, t in network.state_dict().items()}, file)
    assert stage_key(recipe, "teacher") != key
    save_file({"head.weight": torch.ones(10, 16)}, file)
    with pytest.raises(FactoryError, match=r"best.safetensors: the network misses"):
        run_recipe(path, tmp_path / "other")


def test_a_teacher_that_is_not_trained_needs_a_checkpoint() -> None:
    with pytest.raises(RecipeError, match="may be 0 only where a checkpoint is the teacher"):
        parse_recipe(RECIPE.replace(", checkpoint: FILE", ""))
