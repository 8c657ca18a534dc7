"""The protocol of the compression figures: folds, cells that are trained once, paired differences.

A *cell* is one method on one fold; its answer is a small JSON file in ``benchmarks/data/``, committed, so that a long
evaluation goes on where it stopped. Trained stages lie in ``build/compression/`` and are shared: one dense teacher and
one trajectory of lottery rounds per fold serve all rows.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.common import ROOT
from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.tokens import selectors, set_mode
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.artefacts import VERSION, Checkpoints
from spikewright.compress.run.stages.run import Lesson, Run, Stage, State, copy_of
from spikewright.compress.training.loop import Phase, Record, predict
from spikewright.files import write_whole
from spikewright.models.data.digits import split_indices
from spikewright.models.graph import SpikingNetwork

DATA = ROOT / "benchmarks" / "data"
STORE = ROOT / "build" / "compression"
FOLDS = range(5)
#: Event cameras and convolutional families.
FEW_FOLDS = range(3)
#: Folds on whose validation digits settings were chosen.
CHOOSING = (0, 1, 2)
#: "Accuracy kept": the mean difference to the dense teacher, and the one-sided 95 % lower bound, in points.
KEPT_MEAN, KEPT_BOUND = -0.5, -1.0
_RESAMPLES = 10_000
#: Training after pruning: epochs, peak rate, and whether digits are bent.
Schedule = tuple[tuple[int, float, bool], ...]
#: How tokens, lottery rounds, paper 4's networks, and the controls beside them are finished before they are judged.
#: Chosen on the validation digits of folds 0 and 1, against either half alone.
FINISH: Schedule = ((45, 2e-3, True), (30, 1e-3, False))
#: The same for the row whose bar is that accuracy is kept at 90 %: what the budget does not give to every network.
LONG: Schedule = ((150, 4e-3, True), (30, 1e-3, False))
#: Training of what is pruned at once.
RETRAIN_EPOCHS = 30

Answer = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One method of the compression figures.

    compute: trains its networks on a fold and answers what is written of them
    recipes: what they are trained by, with FOLD for the fold
    folds: on which of them it is computed
    schedule: how its networks are finished
    counted: raised where it counts something of them, bits say, in another way than before
    """

    compute: Callable[[int], Answer]
    recipes: Mapping[str, str]
    folds: range = FOLDS
    schedule: Schedule = FINISH
    counted: int = 1

    def key(self, fold: int) -> str:
        """Content hash of what all recipes say, of how networks are finished, and of how they are counted."""
        recipes = [recipe_of(text, fold).model_dump(mode="json", exclude_unset=True)
                   for _, text in sorted(self.recipes.items())]  # fmt: skip
        settings = json.dumps([recipes, self.schedule, self.counted], sort_keys=True)
        return hashlib.sha256(settings.encode()).hexdigest()[:16]


def recipe_of(text: str, fold: int) -> Recipe:
    """A recipe of the benchmarks on a fold, with the fold's seed."""
    return parse_recipe(f"name: protocol\nseed: {fold + 1}\n" + text.replace("FOLD", str(fold)))


def begin(text: str, fold: int) -> Run:
    """A run of a recipe on a fold; checkpoints in the shared store."""
    recipe = recipe_of(text, fold)

    def tick(record: Record) -> None:
        print("  " + " ".join(f"{key} {value}" for key, value in record.items()), flush=True)

    return Run.start(recipe, Checkpoints(STORE, recipe, shared=True), tick)


def judged(run: Run, network: SpikingNetwork, *, double: bool = False) -> list[int]:
    """The class of every test image of the fold.

    double: computed in float64
    """
    return [int(c) for c in predict(network, run.task, run.task.data.test, double=double)]


def finished(
    run: Run, network: SpikingNetwork, masks: Masks, stage: str, schedule: Schedule = FINISH
) -> SpikingNetwork:
    """The network trained on as inference runs it: tokens gathered, selectors at rest, masks kept.

    stage: the checkpoint is named after it and the schedule; its constraint comes before the first dash
    schedule: phases of the training
    """
    label = f"{stage}-finish-{zlib.crc32(json.dumps(schedule).encode()):08x}"

    def lesson(bent: bool) -> Lesson:
        return Lesson(run.teacher, replace(run.task, jittered=bent))

    def make() -> Stage:
        for selector in selectors(network):
            selector.requires_grad_(False)
        log = []
        for number, (epochs, rate, bent) in enumerate(schedule):
            phase = Phase(f"{label}-{number}", epochs, rate, masks=masks)
            log += run.train(network, phase, lesson=lesson(bent))
        return copy_of(network), log

    gathering(network, run.stage(label, make))
    run.settle(network, label, lesson(bent=schedule[-1][2]))
    return network


def gathering(network: SpikingNetwork, state: State) -> SpikingNetwork:
    """The network with a state, gathering tokens, in evaluation mode."""
    network.load_state_dict(state)
    set_mode(network, hard=True)
    return network.eval()


def write_cell(name: str, fold: int, key: str, answer: Answer) -> None:
    """Store a cell's answer with the key of what made it, and the version of the training."""
    DATA.mkdir(exist_ok=True)
    text = json.dumps({"key": key, "version": VERSION, **answer}, sort_keys=True)
    write_whole(DATA / f"{name}-{fold}.json", (text + "\n").encode())


def read_cell(name: str, fold: int, key: str) -> Answer | None:
    """A cell's answer, if it has been computed; ends the program where other settings made it."""
    path = DATA / f"{name}-{fold}.json"
    if not path.is_file():
        return None
    answer: Answer = json.loads(path.read_text())
    if answer["key"] != key:
        sys.exit(f"error: {path} was made with other settings: remove it, and compute it again")
    return answer


def unseen(fold: int) -> list[bool]:
    """Of each test digit of a fold: it is not among the validation digits of a fold that settings were chosen on."""
    chosen_on = {int(i) for choosing in CHOOSING for i in split_indices(choosing)[1]}
    return [int(i) not in chosen_on for i in split_indices(fold)[2]]


def paired(dense: list[list[int]], classes: list[list[int]], labels: list[list[int]]) -> dict[str, float | bool]:
    """Accuracy of two networks, in percent, and the mean difference with its bootstrap intervals.

    Images are drawn within folds. In the answer, ``kept`` says that the mean and the one-sided bound stay above the
    protocol's.

    dense: classes of the network that the other is held against, by fold and image
    classes: of the network that is judged
    labels: the true ones
    """
    right = [
        [np.asarray(given) == np.asarray(true) for given, true in zip(folds, labels, strict=True)]
        for folds in (dense, classes)
    ]
    differences = [100.0 * (judged.astype(float) - teacher) for teacher, judged in zip(*right, strict=True)]
    rng = np.random.default_rng(20231)
    draws = np.zeros(_RESAMPLES)
    for fold in differences:
        picked = rng.integers(len(fold), size=(_RESAMPLES, len(fold)))
        draws += fold[picked].sum(1)
    draws /= sum(len(fold) for fold in differences)
    mean = float(np.concatenate(differences).mean())
    low, bound, high = (float(np.percentile(draws, percent)) for percent in (2.5, 5, 97.5))
    return {
        "dense": round(100.0 * float(np.concatenate(right[0]).mean()), 2),
        "accuracy": round(100.0 * float(np.concatenate(right[1]).mean()), 2),
        "difference": round(mean, 2),
        "low": round(low, 2),
        "high": round(high, 2),
        "bound": round(bound, 2),
        "kept": bool(mean >= KEPT_MEAN and bound >= KEPT_BOUND),
    }
