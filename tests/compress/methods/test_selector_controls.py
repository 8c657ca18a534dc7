"""Selectors without anything learned, and how much of the thing to be named a selector keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikewright.compress.methods.selector_controls import FiringRateSelector, RandomSelector, kept_area
from spikewright.compress.methods.tokens import gather_tokens
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.run import Run, State, student
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.models.data import Split, load
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task


def test_the_tokens_of_the_greatest_rate_stay_while_training_too() -> None:
    x = torch.zeros(2, 1, 4, 3)
    x[0, 0, 2] = 1.0  # 3 of 6 values
    x[:, 0, 0, 0] = 2.0  # 4 of 6, and fewer of them active
    x[1, 0, 3, 0] = 1.0
    selector = FiringRateSelector(2)
    for training in (True, False):
        out, mask, indices = selector.train(training).select(x, None)
        assert indices.tolist() == [[0, 2]]
        assert torch.equal(out, x[:, :, [0, 2]])
        assert mask is None
        assert FiringRateSelector(1).train(training).select(x, None)[2].tolist() == [[0]]


def test_chance_differs_between_images_and_calls_but_not_between_evaluations() -> None:
    x = torch.zeros(2, 8, 16, 4)
    selector = RandomSelector(4, seed=3)
    torch.manual_seed(0)
    chosen = [selector.train().select(x, None)[2] for _ in range(2)]
    assert not torch.equal(*chosen)
    assert len({tuple(image) for image in chosen[0].tolist()}) > 4
    selector.eval()
    first = selector.select(x, None)[2]
    torch.manual_seed(99)
    assert torch.equal(selector.select(x, None)[2], first)
    assert len({tuple(image) for image in first.tolist()}) > 4
    assert not torch.equal(RandomSelector(4, seed=4).eval().select(x, None)[2], first)


class Fixed(nn.Module):
    """Keeps the same tokens of every image."""

    def __init__(self, *tokens: int) -> None:
        super().__init__()
        self.tokens = torch.tensor([tokens])

    def select(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        indices = self.tokens.expand(x.shape[1], -1)
        return gather_tokens(x, indices), None, indices


def test_the_kept_area_by_hand() -> None:
    """4×4 tokens of 4×4 pixels; the second selector chooses among what the first one left."""
    network = Spikformer(SpikformerConfig(dim=16, depth=3, heads=2, steps=2, mlp_ratio=2))
    network.selector["1"], network.selector["2"] = Fixed(0, 5, 6), Fixed(1)
    data = load("digits")
    areas = np.zeros((3, 16, 16), np.bool_)
    areas[0, 4:8, 4:12] = True  # tokens 5 and 6
    areas[1, 2:6, 4:6] = True  # half of it in token 1, half in token 5
    areas[2, 15, 15] = True  # token 15, which goes
    split = Split(data.test.images[:3], data.test.labels[:3], areas)
    shares = kept_area(network, make_task(data), split, batch=2)
    assert shares == pytest.approx([(1 + 0.5 + 0) / 3, (0.5 + 0.5 + 0) / 3])


RECIPE = """
name: control
data: digits
model: {dim: 16, depth: 3, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 8, images: 16}
teacher: {epochs: 1}
constraints:
  tokens: {method: METHOD, keep: [9, 4], epochs: 2}
  masks: {sparsity: 0.5, rounds: 1, epochs: 1, rewind: 1}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


@pytest.mark.parametrize(("method", "kind"), [("firing-rate", FiringRateSelector), ("random", RandomSelector)])
def test_a_network_learns_with_a_control_in_front_of_its_blocks(
    method: str, kind: type[FiringRateSelector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int]] = []
    real = kind.select

    def select(self: FiringRateSelector, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        assert keep is None
        out = real(self, x, keep)
        seen.append((self.training, out[0].shape[2]))
        return out

    monkeypatch.setattr(kind, "select", select)
    recipe = parse_recipe(RECIPE.replace("METHOD", method))

    def trained(folder: Path) -> tuple[Run, State, State]:
        run = Run.start(recipe, Checkpoints(folder, recipe))
        dense, early = teacher_stage(run)
        left = tokens_stage(run, dense)
        assert set(left) == set(dense), "there is nothing to learn in a selector"
        assert all(not torch.equal(left[f"block.{i}.mlp.fc1_linear.weight"], dense[f"block.{i}.mlp.fc1_linear.weight"])
                   for i in range(3))  # fmt: skip
        return run, left, masks_stage(run, left, early)[0]

    run, left, pruned = trained(tmp_path / "one")
    assert {count for training, count in seen if training} == {9, 4}
    network = student(run, left).eval()
    assert [type(selector) for selector in network.get_submodule("selector").children()] == [kind, kind]
    few = run.task.inputs(run.task.data.test.images[:5])
    assert [choice.shape for choice in network.run(few).choices] == [(5, 9), (5, 4)]
    end = [record for record in run.log if record["stage"] == "tokens"]
    assert all("validation" in record for record in end), "it gathers, so every epoch can be judged"
    again = trained(tmp_path / "two")[1:]
    for mine, its in ((left, again[0]), (pruned, again[1])):
        assert all(torch.equal(tensor, its[name]) for name, tensor in mine.items())
