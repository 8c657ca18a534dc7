"""How long a run would take: every kind of stage is timed as it will be trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikewright.compress.methods.guided import AttentionTransfer
from spikewright.compress.methods.quantise import Quantised
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run import forecast
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.forecast import seconds_of
from spikewright.compress.run.stages import planned
from spikewright.compress.run.stages.run import Run, task_of
from spikewright.compress.search.mixtures import Mixture
from spikewright.models.convnets import ConvNet

VGG = """
name: t
data: digits
model: {family: vgg, depth: 11, width_factor: 0.1, steps: 2}
training: {batch: 16, images: 96}
teacher: {epochs: 2}
constraints:
  masks: {method: attention-guided, sparsity: 0.5, epochs: 3, final_epochs: 5}
  quantisers: {layers: {"*": {scheme: pot, bits: 3}}, epochs: 7, gather_epochs: 11, grid_epochs: 13}
"""
TRANSFORMER = """
name: t
data: digits
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 96}
teacher: {epochs: 2}
constraints:
  tokens: {keep: 0.5, epochs: 3}
  masks: {sparsity: 0.5, rounds: 2, epochs: 5, rewind: 1}
  neuron: {epochs: 7}
  quantisers: {method: search, target_bits: 4, search_epochs: 11, epochs: 13, gather_epochs: 17, grid_epochs: 19}
"""


def seconds_of_a_batch(run: Run, network: Any, phase: Any, terms: Any) -> int:
    """Each kind of stage by a price of its own."""
    if run.dense is None:
        return 1
    if any(isinstance(term, AttentionTransfer) for term in terms):
        assert isinstance(network, ConvNet)
        assert not network.spiking
        return 2
    if any(isinstance(module, Mixture) for module in network.modules()):
        return 8
    if any(isinstance(module, Quantised) for module in network.modules()):
        return 16 if phase.soft else 32
    assert not isinstance(network, ConvNet) or network.spiking
    return 4


@pytest.mark.parametrize(
    ("text", "judged", "batches"),
    [
        (VGG, 2 + 3 + 5 + 7 + 11 + 13, 2 * 1 + 3 * 2 + 5 * 4 + (7 + 11 + 13) * 32),
        # an epoch with soft tokens does not end in validation
        (TRANSFORMER, 2 + 17 + 19, 2 * 1 + (3 + 5 + 5 + 7) * 4 + 11 * 8 + 13 * 16 + (17 + 19) * 32),
    ],
)
def test_the_time_is_that_of_every_stages_own_training(
    text: str, judged: int, batches: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By a clock: a batch as above, 100 s more the first time; validation 0.25 s, augmentation 8 s."""
    recipe = parse_recipe(text)
    task, clock, seen = task_of(recipe), [0.0], set[int]()

    def train(run: Run, network: Any, phase: Any, terms: Any = ()) -> None:
        first = 0 if id(network) in seen else 100
        seen.add(id(network))
        kept.append(network)
        images = run.task.limit or 0
        clock[0] += first + 8.0 + images // 16 * seconds_of_a_batch(run, network, phase, terms)
        clock[0] += 0.0 if phase.soft else 0.25

    def refresh(rng: object, jittered: bool = False) -> Any:
        clock[0] += 8.0
        return task.data.train

    def accuracy(*_: object) -> None:
        clock[0] += 0.25

    kept: list[Any] = []  # alive, so that no other network gets its id
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(Run, "train", train)
    monkeypatch.setattr(forecast, "accuracy", accuracy)
    monkeypatch.setattr(forecast, "_VALIDATED", len(task.data.validation) // 4)
    task = replace(task, data=replace(task.data, refresh=refresh))
    run, plan = Run(recipe, Checkpoints(tmp_path, recipe), task), planned(recipe)
    # 96 images are 6 batches, of which 3 are timed; a fourth of the validation is, too
    assert seconds_of(run, plan) == pytest.approx(sum(plan.values()) * 8 + judged * 1 + 6 * batches)
    assert seconds_of(run, plan | {"teacher": 0}) == pytest.approx(
        (sum(plan.values()) - 2) * 8 + (judged - 2) * 1 + 6 * (batches - 2)
    )
