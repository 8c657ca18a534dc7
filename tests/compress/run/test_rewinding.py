"""What the rounds of lottery tickets start from: the early weights and the selectors' initialisation, or chance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.methods.masks import Masks, prunable
from spikewright.compress.networks.build import student_model
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.run import Lesson, Run, State, copy_of, state_and_masks
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.compress.training.loop import Phase

RECIPE = """
name: rewound
data: digits
seed: 5
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 8, images: 16, jitter: true}
teacher: {epochs: 2, rate: 0.01}
constraints:
  tokens: {keep: 0.6, epochs: 1, rate: 0.05}
  masks: {sparsity: 0.6, rounds: 2, epochs: 1, rewind: 1, rate: 0.01, jitter: false, start: START}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


class Rounds:
    """A run up to its masks: the weights that came in, and those that each round began and ended with."""

    def __init__(self, start: str, folder: Path) -> None:
        recipe = parse_recipe(RECIPE.replace("START", start))
        run = self.run = Run.start(recipe, Checkpoints(folder, recipe))
        dense, self.early = teacher_stage(run)
        self.trained = tokens_stage(run, dense)
        self.fresh = student_model(recipe).state_dict()
        self.weights = list(prunable(student_model(recipe)))
        self.begun: dict[str, tuple[State, Masks]] = {}
        self.phases: dict[str, tuple[Phase, Lesson]] = {}
        real: Callable[..., Any] = Run.train

        def train(run: Run, model: Any, phase: Phase, *, lesson: Lesson) -> Any:
            self.begun[phase.label] = copy_of(model), {n: m.clone() for n, m in phase.masks.items()}
            self.phases[phase.label] = phase, lesson
            return real(run, model, phase, lesson=lesson)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "train", train)
            self.pruned, self.masks = masks_stage(run, self.trained, self.early)
        first = run.checkpoints.read("masks-01")
        assert first is not None
        self.first, self.first_masks = state_and_masks(first[0])


@pytest.fixture(scope="module")
def rewound(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    return Rounds("rewind", tmp_path_factory.mktemp("rewound"))


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    return Rounds("random", tmp_path_factory.mktemp("anew"))


def same(state: State, wanted: State, masks: Masks) -> None:
    """Whether a round that began with ``state`` begins with the wanted weights, as far as the masks let them."""
    assert set(state) == set(wanted)
    for name, tensor in wanted.items():
        mask = masks.get(name, torch.tensor(True))
        assert torch.equal(state[name] * mask, tensor * mask), name


def test_every_round_begins_with_the_early_weights_and_new_selectors(rewound: Rounds) -> None:
    selectors = {n: t for n, t in rewound.fresh.items() if n.startswith("selector.")}
    wanted = selectors | rewound.early
    assert list(rewound.begun) == ["masks-01", "masks-02"]
    for state, masks in rewound.begun.values():
        same(state, wanted, masks)
    # all that it might have begun with instead is something else
    for state_there in (rewound.trained, rewound.first):
        assert all(not torch.equal(state_there[n], wanted[n]) for n in (*rewound.weights, *selectors))


def test_a_round_keeps_the_greatest_weights_of_what_was_trained_before(rewound: Rounds) -> None:
    before: Masks = {}
    for label, trained in (("masks-01", rewound.trained), ("masks-02", rewound.first)):
        masks = rewound.begun[label][1]
        alive = torch.cat([before.get(n, torch.ones_like(masks[n])).flatten() for n in rewound.weights])
        kept = torch.cat([masks[n].flatten() for n in rewound.weights])
        size = torch.cat([trained[n].abs().flatten() for n in rewound.weights])
        assert not (kept & ~alive).any()
        assert size[kept].min() >= size[alive & ~kept].max()
        before = masks


def test_the_control_draws_other_weights_and_trains_them_as_the_early_ones_were(anew: Rounds, rewound: Rounds) -> None:
    same(anew.begun["masks-01"][0], rewound.begun["masks-01"][0], anew.begun["masks-01"][1])
    assert list(anew.begun) == ["masks-01", "masks-02-anew-early", "masks-02-anew"]
    state, masks = anew.begun["masks-02-anew-early"]
    assert all(torch.equal(mask, rewound.masks[name]) for name, mask in (masks | anew.masks).items())
    for name in anew.weights:
        for state_there in (anew.early, anew.trained, anew.first, anew.fresh):
            assert (state[name] != state_there[name])[masks[name]].all(), name
    for name, tensor in state.items():
        assert not name.startswith("selector."), "before their stage"
        if name.endswith(("bn.running_mean", "bn.bias", "bn.num_batches_tracked")):
            assert not tensor.any(), name
    phase, lesson = anew.phases["masks-02-anew-early"]
    assert (phase.epochs, phase.stop, phase.rate) == (2, 1, 0.01)  # the teacher's, until the rewind
    assert lesson.teacher is None
    assert lesson.task.jittered


def test_the_controls_last_round_is_that_of_the_rewound_weights(anew: Rounds, rewound: Rounds) -> None:
    checkpoint = anew.run.checkpoints.read("masks-02-anew-early")
    assert checkpoint is not None
    state, masks = anew.begun["masks-02-anew"]
    selectors = {n: t for n, t in anew.fresh.items() if n.startswith("selector.")}
    same(state, selectors | checkpoint[0], masks)
    for name in anew.weights:
        assert not torch.equal(checkpoint[0][name], anew.begun["masks-02-anew-early"][0][name]), name
        for end in (checkpoint[0], state, anew.pruned):
            assert not end[name][~masks[name]].any(), name
    (phase, lesson), (rewound_phase, rewound_lesson) = anew.phases["masks-02-anew"], rewound.phases["masks-02"]
    assert (phase.epochs, phase.rate, phase.soft, phase.stop) == (
        rewound_phase.epochs,
        rewound_phase.rate,
        rewound_phase.soft,
        rewound_phase.stop,
    )
    assert lesson.task.jittered is rewound_lesson.task.jittered is False
    assert lesson.teacher is not None
    assert rewound_lesson.teacher is not None
    assert any(not torch.equal(anew.pruned[name], state[name]) for name in anew.weights)
