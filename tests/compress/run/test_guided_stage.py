"""Paper 4's stage as a whole: maps guide it, weights move at a fixed density; its control does neither."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.methods.guided import AttentionTransfer, density_masks
from spikewright.compress.methods.masks import Masks, prunable, survivors
from spikewright.compress.networks.build import dense_model
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.run import Run, State, state_and_masks
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.models.convnets import ConvNet

RECIPE = """
name: guided
data: digits
seed: 3
model: {family: vgg, depth: 11, width_factor: 0.05, steps: 1}
training: {batch: 8, images: 16}
teacher: {epochs: 1, rate: 0.001}
constraints:
  masks: {sparsity: 0.5, epochs: 2, rate: 0.001, METHOD}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


class Stages:
    """The masks at the start, and the weights and masks of the ANN and of the SNN."""

    def __init__(self, method: str, folder: Path) -> None:
        recipe = parse_recipe(RECIPE.replace("METHOD", method))
        run = Run.start(recipe, Checkpoints(folder, recipe))
        dense, early = teacher_stage(run)
        network = dense_model(recipe)
        assert isinstance(network, ConvNet)
        network.load_state_dict(dense)
        total = sum(weight.numel() for weight in prunable(network).values())
        self.keep = survivors(total, 0.5, 1, 1)
        self.start = density_masks(network, self.keep)
        self.terms: dict[str, tuple[Any, ...]] = {}
        real: Callable[..., Any] = Run.train

        def train(run: Run, model: Any, phase: Any, terms: Any = (), lesson: Any = None) -> Any:
            self.terms[phase.label] = terms
            return real(run, model, phase, terms, lesson)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "train", train)
            self.snn, self.last = masks_stage(run, dense, early)
        self.teacher = run.teacher
        checkpoint = run.checkpoints.read("masks-ann")
        assert checkpoint is not None
        self.ann, self.middle = state_and_masks(checkpoint[0])


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stages]:
    return {
        name: Stages(method, tmp_path_factory.mktemp(name))
        for name, method in (
            ("guided", "method: attention-guided"),
            ("still", "method: attention-guided, regrowth: 0"),
            ("neither", "method: attention-guided, regrowth: 0, attention: 0"),
            ("magnitude", "method: magnitude"),
        )
    }


def moved(before: Masks, after: Masks) -> int:
    return sum(int((mask & ~before[name]).sum()) for name, mask in after.items())


def is_masked(state: State, masks: Masks) -> bool:
    """Whether nothing is left outside the masks."""
    return all(not state[name][~mask].any() for name, mask in masks.items())


@pytest.mark.parametrize("name", ["guided", "still", "magnitude"])
def test_every_layer_keeps_its_density_from_the_first_to_the_last(name: str, stages: dict[str, Stages]) -> None:
    run = stages[name]
    counts = {layer: int(mask.sum()) for layer, mask in run.start.items()}
    assert sum(counts.values()) == run.keep
    for state, masks in ((run.ann, run.middle), (run.snn, run.last)):
        assert {layer: int(mask.sum()) for layer, mask in masks.items()} == counts
        assert is_masked(state, masks)


def test_weights_regrow_in_the_ann_and_in_the_snn_of_the_method_alone(stages: dict[str, Stages]) -> None:
    run = stages["guided"]
    assert moved(run.start, run.middle) > 0
    assert moved(run.middle, run.last) > 0
    for name in ("still", "magnitude"):
        run = stages[name]
        assert moved(run.start, run.middle) == moved(run.middle, run.last) == 0


def test_the_maps_change_what_the_ann_learns(stages: dict[str, Stages]) -> None:
    guided, neither = stages["still"], stages["neither"]
    assert moved(guided.start, neither.start) == 0, "they begin alike"
    assert any(not torch.equal(tensor, neither.ann[name]) for name, tensor in guided.ann.items())


def test_the_maps_are_those_of_the_trained_dense_network(stages: dict[str, Stages]) -> None:
    (term,) = stages["guided"].terms["masks-ann"]
    assert isinstance(term, AttentionTransfer)
    assert term.meta is stages["guided"].teacher
    assert term.weight == 1000.0
    assert stages["guided"].terms["masks-snn"] == stages["magnitude"].terms["masks-ann"] == ()


def test_the_method_without_maps_and_regrowth_is_its_control(stages: dict[str, Stages]) -> None:
    control, neither = stages["magnitude"], stages["neither"]
    for mine, its in ((neither.ann, control.ann), (neither.snn, control.snn)):
        assert all(torch.equal(tensor, its[name]) for name, tensor in mine.items())
