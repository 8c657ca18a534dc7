"""The protocol of the compression figures: folds, cells that are computed once, paired differences.

A *cell* is one method on one fold; its result is a small JSON file in ``benchmarks/cells/``, committed, so that a long
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
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.compress.artefacts import VERSION, Checkpoints, write_whole
from spikewright.compress.masks import Masks
from spikewright.compress.recipe import parse_recipe
from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.stages.run import Lesson, Run, Stage, State, copy_of
from spikewright.compress.tokens import selectors, set_mode
from spikewright.compress.training import Phase, Record, predict
from spikewright.models.data.digits import split_indices
from spikewright.models.graph import SpikingNetwork

HERE = Path(__file__).parent
CELLS = HERE / "cells"
STORE = HERE.parent / "build" / "compression"
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
    """What computes a fold's result, from what recipes (with FOLD for the fold), on which folds.

    counted: raised where the cell counts something of its networks, bits say, in another way than before.
    """

    compute: Callable[[int], Answer]
    recipes: Mapping[str, str]
    folds: range = FOLDS
    schedule: Schedule = FINISH
    counted: int = 1

    def key(self, fold: int) -> str:
        """Content hash of what all recipes say, of how networks are finished, and of how they are counted."""
        said = [recipe_of(text, fold).model_dump(mode="json", exclude_unset=True)
                for _, text in sorted(self.recipes.items())]  # fmt: skip
        whole = json.dumps([said, self.schedule, self.counted], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


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
    """The class of every test image of the fold."""
    return [int(c) for c in predict(network, run.task, run.task.data.test, double=double)]


def finished(
    run: Run, network: SpikingNetwork, masks: Masks, stage: str, schedule: Schedule = FINISH
) -> SpikingNetwork:
    """The network trained on as inference runs it: tokens gathered, selectors at rest, masks kept.

    ``stage``: the checkpoint is named after it and the schedule; its constraint comes before the first dash.
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


def write_cell(name: str, fold: int, key: str, result: Answer) -> None:
    """Store a cell's result with the key of what made it, and the version of the training."""
    CELLS.mkdir(exist_ok=True)
    text = json.dumps({"key": key, "version": VERSION, **result}, sort_keys=True)
    write_whole(CELLS / f"{name}-{fold}.json", (text + "\n").encode())


def read_cell(name: str, fold: int, key: str) -> Answer | None:
    """A cell's result, if it has been computed; ends the program where other settings made it."""
    path = CELLS / f"{name}-{fold}.json"
    if not path.is_file():
        return None
    found: Answer = json.loads(path.read_text())
    if found["key"] != key:
        sys.exit(f"error: {path} was made with other settings: remove it, and compute it again")
    return found


def unseen(fold: int) -> list[bool]:
    """Of each test digit of a fold: it is not among the validation digits of a fold that settings were chosen on."""
    chosen_on = {int(i) for choosing in CHOOSING for i in split_indices(choosing)[1]}
    return [int(i) not in chosen_on for i in split_indices(fold)[2]]


def paired(dense: list[list[int]], other: list[list[int]], labels: list[list[int]]) -> dict[str, float | bool]:
    """Accuracy of both, in percent, and the mean difference with its bootstrap intervals, images drawn within folds.

    The arguments are classes by fold and image. ``kept``: the mean and the one-sided bound stay above the protocol's.
    """
    right = [
        [np.asarray(a) == np.asarray(t) for a, t in zip(answers, labels, strict=True)] for answers in (dense, other)
    ]
    differences = [100.0 * (b.astype(float) - a) for a, b in zip(*right, strict=True)]
    rng = np.random.default_rng(20231)
    draws = np.zeros(_RESAMPLES)
    for part in differences:
        picked = rng.integers(len(part), size=(_RESAMPLES, len(part)))
        draws += part[picked].sum(1)
    count = sum(len(part) for part in differences)
    draws /= count
    mean = float(np.concatenate(differences).mean())
    bound = float(np.percentile(draws, 5))
    return {
        "dense": round(100.0 * float(np.concatenate(right[0]).mean()), 2),
        "accuracy": round(100.0 * float(np.concatenate(right[1]).mean()), 2),
        "difference": round(mean, 2),
        "low": round(float(np.percentile(draws, 2.5)), 2),
        "high": round(float(np.percentile(draws, 97.5)), 2),
        "bound": round(bound, 2),
        "kept": bool(mean >= KEPT_MEAN and bound >= KEPT_BOUND),
    }
