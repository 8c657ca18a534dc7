"""The recipes of this repository: each is read, and the package that it would end in can be had."""

from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.registry import load_board
from spikewright.compress.recipe.constraints import LotteryMasks
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.recipe.schema import Recipe, size_of
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages import planned
from spikewright.compress.run.stages.run import task_of
from spikewright.models.data import Dataset, Split
from spikewright.models.task import Task, make_task

FOLDER = Path(__file__).parents[3] / "recipes"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def blank_frames(recipe: Recipe) -> Task:
    """Frames of counts in the size of event-digits, which take half a minute to make."""
    part = Split(np.zeros((4, size_of(recipe).steps, 64, 64, 2), np.uint8), np.zeros(4, np.int64))
    whole = Dataset("event-digits", part, part, part, lambda rng, jittered=False: part, 10, counts=True)
    return make_task(whole, bits=recipe.input_bits)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_read_and_ends_in_a_package(name: str) -> None:
    recipe = load_recipe(FOLDER / f"{name}.yaml")
    assert recipe.name == name
    assert min(planned(recipe).values()) >= 1
    assert recipe.target is None or load_board(recipe.target.board)
    package = rehearsed_package(recipe, blank_frames(recipe) if recipe.data == "event-digits" else task_of(recipe))
    assert package.network.name == name
    assert package.network.steps == size_of(recipe).steps
    assert [op.keep for op in package.network.ops if op.kind == "select"] == recipe.kept_tokens()
    codes = [tensor for tensor_name, tensor in package.tensors.items() if tensor_name.endswith(".codes")]
    kept, total = (sum(count(tensor) for tensor in codes) for count in (np.count_nonzero, np.size))
    assert kept / total == pytest.approx(_share_kept(recipe), abs=0.03)


def _share_kept(recipe: Recipe) -> float:
    """Of the weights; the zeros of a format come on top where no mask chose which weights are small."""
    masks = recipe.constraints.masks
    if masks is None:
        return 0.88
    done = masks.last_round / masks.rounds if isinstance(masks, LotteryMasks) else 1.0
    return float((1 - masks.sparsity) ** done)


def test_no_recipe_is_left_out() -> None:
    known = {"clutter-digits", "digits", "dsp-slif", "event", "mnist", "resnet", "spikformer", "together", "vgg"}
    assert known <= set(RECIPES)
