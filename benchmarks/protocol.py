"""The protocol of the compression figures: folds, cells that are computed once, paired differences.

A *cell* is one method on one fold; its result is a small JSON file in ``benchmarks/cells/``, committed, so that a long
evaluation goes on where it stopped. Trained stages lie in ``build/compression/`` and are shared: one dense teacher and
one trajectory of lottery rounds per fold serve all rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikewright.compress.artefacts import Checkpoints, write_whole
from spikewright.compress.recipe import parse_recipe
from spikewright.compress.stages.run import Run
from spikewright.compress.training import Record, predict
from spikewright.models.graph import SpikingNetwork

HERE = Path(__file__).parent
CELLS = HERE / "cells"
STORE = HERE.parent / "build" / "compression"
FOLDS = range(5)
#: "Accuracy kept": the mean difference to the dense teacher, and the one-sided 95 % lower bound, in points.
KEPT_MEAN, KEPT_BOUND = -0.5, -1.0
_RESAMPLES = 10_000


def begin(text: str, fold: int) -> Run:
    """A run of a recipe on a fold, with the fold's seed; checkpoints in the shared store."""
    recipe = parse_recipe(f"name: protocol\nseed: {fold + 1}\n" + text.replace("FOLD", str(fold)))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    def tick(record: Record) -> None:
        print("  " + " ".join(f"{key} {value}" for key, value in record.items()), flush=True)

    return Run.start(recipe, Checkpoints(STORE, recipe, shared=True), tick)


def judged(run: Run, network: SpikingNetwork, *, double: bool = False) -> list[int]:
    """The class of every test image of the fold."""
    return [int(c) for c in predict(network, run.task, run.task.data.test, double=double)]


def write_cell(name: str, fold: int, result: dict[str, Any]) -> None:
    """Store a cell's result."""
    CELLS.mkdir(exist_ok=True)
    write_whole(CELLS / f"{name}-{fold}.json", (json.dumps(result, sort_keys=True) + "\n").encode())


def read_cell(name: str, fold: int) -> dict[str, Any] | None:
    """A cell's result, if it has been computed."""
    path = CELLS / f"{name}-{fold}.json"
    return json.loads(path.read_text()) if path.is_file() else None


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
