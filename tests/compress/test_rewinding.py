"""What the rounds of lottery tickets start from: the early weights and the selectors' initialisation, or chance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.artefacts import Checkpoints
from spikewright.compress.build import student_model
from spikewright.compress.masks import Masks, prunable
from spikewright.compress.recipe import parse_recipe
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.run import Run, State, copy_of, state_and_masks
from spikewright.compress.stages.teacher import teacher_stage
from spikewright.compress.stages.tokens import tokens_stage

RECIPE = """
name: rewound
data: digits
seed: 5
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 8, images: 16}
teacher: {epochs: 2, rate: 0.01}
constraints:
  tokens: {keep: 0.6, epochs: 1, rate: 0.05}
  masks: {sparsity: 0.6, rounds: 2, epochs: 1, rewind: 1, rate: 0.01, start: START}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


class Rounds:
    """A run up to its masks: the weights that came in, and those that each round began and ended with."""

    def __init__(self, start: str, folder: Path) -> None:
        recipe = parse_recipe(RECIPE.replace("START", start))
        run = Run.start(recipe, Checkpoints(folder, recipe))
        dense, self.early = teacher_stage(run)
        self.trained = tokens_stage(run, dense)
        self.fresh = student_model(recipe).state_dict()
        self.weights = list(prunable(student_model(recipe)))
        self.begun: dict[str, tuple[State, Masks]] = {}
        real: Callable[..., Any] = Run.train

        def train(run: Run, model: Any, phase: Any, *rest: Any, **named: Any) -> Any:
            self.begun[phase.label] = copy_of(model), {n: m.clone() for n, m in phase.masks.items()}
            return real(run, model, phase, *rest, **named)

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
    for other in (rewound.trained, rewound.first):
        assert all(not torch.equal(other[n], wanted[n]) for n in (*rewound.weights, *selectors))


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


def test_the_control_begins_its_last_round_with_new_weights_under_the_same_masks(anew: Rounds, rewound: Rounds) -> None:
    same(anew.begun["masks-01"][0], rewound.begun["masks-01"][0], anew.begun["masks-01"][1])
    assert all(torch.equal(mask, rewound.masks[name]) for name, mask in anew.masks.items())
    state, masks = anew.begun["masks-02"]
    for name in anew.weights:
        kept = masks[name]
        for other in (anew.early, anew.trained, anew.first, anew.fresh):
            assert (state[name] != other[name])[kept].all(), name
        assert not state[name][~kept].any()
    for name, tensor in state.items():
        if name.endswith(("bn.running_mean", "bn.bias", "bn.num_batches_tracked")):
            assert not tensor.any(), name
        if name.startswith("selector.") and name.endswith("weight"):
            assert not torch.equal(tensor, anew.fresh[name]), name
    assert all((anew.pruned[name][~mask] == 0).all() for name, mask in masks.items())
    assert any(not torch.equal(anew.pruned[name], state[name]) for name in anew.weights)
