"""The loss by hand: cross entropy, the selectors' ratios, KL(student ‖ teacher), further terms; and who gives them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikewright.compress.methods.tokens import distillation_loss
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.stages import run as stages
from spikewright.compress.run.stages.run import Run
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.compress.training.objective import Objective
from spikewright.models.graph import Result, SpikingNetwork

STUDENT = [[0.5, 0.5], [0.75, 0.25]]  # what the student believes of two images
TEACHER = [[0.9, 0.1], [0.2, 0.8]]
LABELS = torch.tensor([0, 1])
IMAGES = torch.zeros(2, 1, 4, 4)
CE = -(math.log(0.5) + math.log(0.25)) / 2
KL = (
    0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    + 0.75 * math.log(0.75 / 0.2) + 0.25 * math.log(0.25 / 0.8)
) / 2  # fmt: skip
MASKS = [torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 2)]
RATIO = ((5 / 8 - 0.5) ** 2 + (1 / 4 - 0.125) ** 2) / 2


class Believes(SpikingNetwork):
    """Answers every batch with the same probabilities, as logits that a constant has been added to."""

    def __init__(self, chances: list[list[float]], offset: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(chances).log() + offset)

    def run(self, images: Tensor) -> Result:
        return Result(self.logits * 1.0, list(MASKS))


def loss(**fields: Any) -> float:
    return float(Objective(**fields)(Believes(STUDENT, 0.7), IMAGES, LABELS).detach())


def test_the_parts_of_the_loss_by_hand() -> None:
    teacher, fractions = Believes(TEACHER, -2.0), (0.5, 0.125)
    assert loss() == pytest.approx(CE)
    smooth = 0.9 * CE - 0.1 * (math.log(0.5) * 2 + math.log(0.75) + math.log(0.25)) / 4
    assert loss(label_smoothing=0.1) == pytest.approx(smooth)
    assert loss(fractions=fractions, ratio_weight=2.0) == pytest.approx(CE + 2 * RATIO)
    assert loss(teacher=teacher, distillation=0.5) == pytest.approx(CE + 0.5 * KL)
    assert loss(teacher=teacher) == loss(distillation=0.5) == pytest.approx(CE)
    terms = (lambda *_: torch.tensor(3.0), lambda _network, result, images: result.logits[0, 0] + images.sum())
    assert loss(terms=terms) == pytest.approx(CE + 3.0 + math.log(0.5) + 0.7)
    everything = {"fractions": fractions, "ratio_weight": 2.0, "teacher": teacher, "distillation": 0.5, "terms": terms}
    assert loss(**everything) == pytest.approx(CE + 2 * RATIO + 0.5 * KL + 3.0 + math.log(0.5) + 0.7)


def test_the_student_is_measured_by_its_own_chances() -> None:
    """KL(student ‖ teacher): not the other way about, and zero only where both believe the same."""
    student, teacher = torch.tensor(STUDENT).log(), torch.tensor(TEACHER).log()
    assert float(distillation_loss(student, teacher)) == pytest.approx(KL)
    assert abs(float(distillation_loss(teacher, student)) - KL) > 0.05
    assert float(distillation_loss(student, student + 4.0)) == pytest.approx(0.0, abs=1e-6)


def test_the_student_learns_from_the_teacher_and_the_teacher_from_nobody() -> None:
    student, teacher = Believes(STUDENT, 0.0), Believes(TEACHER, 0.0)
    optimiser = torch.optim.SGD(student.parameters(), lr=1.0)
    for _ in range(200):
        optimiser.zero_grad()
        Objective(teacher=teacher, distillation=1e3)(student, IMAGES, LABELS).mul(1e-3).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert torch.allclose(student.logits.softmax(1), torch.tensor(TEACHER), atol=0.01)
    assert teacher.logits.grad is None


RECIPE = """
name: objective
data: digits
model: {dim: 16, depth: 3, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 8, images: 16, label_smoothing: 0.2, distillation: 0.7}
teacher: {epochs: 1}
constraints:
  tokens: {keep: [8, 4], epochs: 1, ratio_weight: 3.0}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


def test_a_run_asks_for_what_its_recipe_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Objective] = {}
    real = stages.train

    def train(network: Any, task: Any, settings: Any, phase: Any, objective: Objective, *rest: Any) -> Any:
        asked[phase.label] = objective
        return real(network, task, settings, phase, objective, *rest)

    monkeypatch.setattr(stages, "train", train)
    recipe = parse_recipe(RECIPE)
    run = Run.start(recipe, Checkpoints(tmp_path, recipe))
    tokens_stage(run, teacher_stage(run)[0])
    dense, tokens = asked["teacher"], asked["tokens"]
    assert (dense.label_smoothing, dense.teacher, dense.fractions, dense.terms) == (0.2, None, (), ())
    assert (tokens.label_smoothing, tokens.distillation, tokens.ratio_weight) == (0.2, 0.7, 3.0)
    assert tokens.fractions == (0.5, 0.25)
    assert tokens.teacher is run.teacher
