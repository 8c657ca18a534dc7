"""``run_recipe``: from a recipe to a package, resumable, with progress and an estimate of the time left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spikewright.compress.account import compression_of, layers_of
from spikewright.compress.artefacts import Checkpoints, portable, recipe_hash, save_tensors, to_json, write_whole
from spikewright.compress.build import dense_model, quantised_from, untrained_teacher
from spikewright.compress.determinism import determinism
from spikewright.compress.export import export_package, weight_statistics
from spikewright.compress.factory import FactoryConfig, build_from_factory
from spikewright.compress.factory_check import check_network, check_training
from spikewright.compress.masks import pruned_share
from spikewright.compress.pace import Pace
from spikewright.compress.parallel import is_first, process_count, without_gpu
from spikewright.compress.recipe import RecipeError, load_recipe
from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.rehearsal import rehearsed_package
from spikewright.compress.stages import planned, run_stages
from spikewright.compress.stages.run import Run, State, task_of
from spikewright.compress.task import Task
from spikewright.compress.training import Record, TrainingError, accuracy, predict
from spikewright.cost.work import dense_macs
from spikewright.models.package import Package, write_package

#: Told of recipe, data and the package that is expected; raises where a network is not what it describes.
Witness = Callable[[Recipe, Task, Package], None]


def _finish(
    recipe: Recipe, told: dict[str, Any], task: Task, dense_state: State, state: State, log: list[Record], out: Path
) -> None:
    """Judge both models on the test images, once, and write the run's files; ``told``: the recipe as it is portable."""
    dense = dense_model(recipe)
    dense.load_state_dict(dense_state)
    model = quantised_from(recipe, state)
    test = task.data.test
    answers = {"float": predict(dense, task, test, double=True), "quantised": predict(model, task, test, double=True)}
    count = len(test)
    correct = {rung: int((classes == test.labels).sum()) for rung, classes in answers.items()}
    layers = {
        name: layers_of(network, recipe.input_bits, frames=task.frames)
        for name, network in (("dense", dense), ("compressed", model))
    }
    if not sum(layer.kept for layer in layers["compressed"]):
        raise TrainingError(f"{recipe.name}: every weight was rounded to 0, so there is nothing to store")
    three = compression_of(model, dense, recipe.input_bits, frames=task.frames)
    metrics: dict[str, Any] = {
        "name": recipe.name,
        "data": task.data.name,
        "recipe": recipe_hash(told),
        "seed": recipe.seed,
        "accuracy": {rung: {"correct": n, "count": count} for rung, n in correct.items()},
        "validation": {
            "float": accuracy(dense, task, task.data.validation),
            "quantised": accuracy(model, task, task.data.validation, double=True),
        },
        "pruned": round(pruned_share(model, dense), 6),
        "weights": weight_statistics(model),
        "compression": {name: round(times, 3) for name, times in asdict(three).items()},
        # multiply-accumulates of all steps, pruned weights included
        "gflops": {name: dense_macs(found) / 1e9 for name, found in layers.items()},
    }
    records = {"record.labels": test.labels.astype(np.int16)}
    records |= {f"record.{rung}": classes.astype(np.int16) for rung, classes in answers.items()}
    provenance = {"recipe": told, "metrics": metrics}
    package = export_package(model, recipe, task, records=records, provenance=provenance)
    save_tensors(out / "dense.safetensors", dense_state)
    save_tensors(out / "quantised.safetensors", state)
    resolved = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_whole(out / "recipe.yaml", resolved.encode())
    write_whole(out / "log.jsonl", "".join(json.dumps(r, sort_keys=True) + "\n" for r in log).encode())
    write_package(package, out / "package.safetensors")
    write_whole(out / "metrics.json", to_json(metrics).encode())


def _check_processes(recipe: Recipe, task: Task) -> None:
    """RecipeError where the processes that ``torchrun`` started cannot train together."""
    processes = process_count()
    if processes == 1:
        return
    if "RANK" not in os.environ:
        raise RecipeError(f"WORLD_SIZE is {processes}, but there is no RANK: start with torchrun, or unset it")
    if recipe.training.batch % processes:
        raise RecipeError(
            f"training.batch must be a multiple of the {processes} processes, not {recipe.training.batch}"
        )
    images = min(len(task.data.train), recipe.training.images or len(task.data.train))
    if images < 2 * processes:
        raise RecipeError(
            f"{processes} processes need {2 * processes} training images at least, but there are {images}"
        )
    if bare := without_gpu():
        raise RecipeError(
            f"{bare} of the processes on this machine would have no GPU: start one for each, or hide all "
            "(CUDA_VISIBLE_DEVICES=) to train on the CPU"
        )


def checked(path: Path | str, witness: Witness | None = None) -> tuple[Recipe, Task]:
    """A recipe that a run can end well with, and its data; RecipeError with what stands in its way, before training.

    witness: asked at last, as in :func:`run_recipe`.
    """
    recipe = load_recipe(path)
    tokens = recipe.constraints.tokens
    network = untrained_teacher(recipe)  # a checkpoint that does not fit is refused now
    if isinstance(recipe.model, FactoryConfig):
        check_network(network, recipe.model.factory)
    try:
        if tokens is not None and tokens.method != "learned":
            raise RecipeError(f"tokens.method {tokens.method!r} is a control for benchmarks; no package can hold it")
        task = task_of(recipe)
        _check_processes(recipe, task)
        if isinstance(recipe.model, FactoryConfig):
            build, few = partial(build_from_factory, recipe.model), task.data.train
            labels = torch.from_numpy(few.labels[:2])
            check_training(build, task.inputs(few.images[:2]), labels, recipe.model.factory)
        package = rehearsed_package(recipe, task)
        if witness is not None:
            witness(recipe, task, package)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    return recipe, task


def _check_folder(out: Path) -> None:
    """RecipeError where a run would write among things that are not its own."""
    if out.exists() and not out.is_dir():
        raise RecipeError(f"{out} is a file: name a folder for the run")
    if out.is_dir() and not (out / "stages").is_dir() and any(not p.name.startswith(".") for p in out.iterdir()):
        raise RecipeError(f"{out} is a folder with other things in it: name a new one, or that of a run to go on with")


def run_recipe(
    path: Path | str,
    out_dir: Path | str,
    *,
    console: Console | None = None,
    witness: Witness | None = None,
    after: Callable[[Run], None] | None = None,
) -> Path:
    """Train what the recipe says and return the path of the package, ``out_dir/package.safetensors``.

    Beside it: dense.safetensors, quantised.safetensors, recipe.yaml (resolved), log.jsonl, metrics.json, and a
    checkpoint per stage in ``stages/``, from which an interrupted run continues to the same result. A folder with other
    things in it is refused. A user's files are what they are when the run begins. witness: raises where the recipe's
    network is not what it describes; the command asks the golden model, which this folder does not know. after: called
    with the run, all of whose stages have checkpoints, when the package is written.
    """
    out = Path(out_dir)
    _check_folder(out)
    recipe, task = checked(path, witness)
    told = portable(recipe)
    console = console or Console(stderr=True)
    columns = (
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    first, plan = is_first(), planned(recipe)
    checkpoints = Checkpoints(out / "stages", recipe)
    checkpoints.check(plan)
    pace = Pace(plan, [stage for stage in plan if checkpoints.path(stage).exists()])
    with (
        determinism(recipe.threads),
        Progress(*columns, console=console, disable=not (console.is_terminal and first)) as bar,
    ):
        work = bar.add_task(recipe.name, total=sum(plan.values()), said="")

        def tick(record: Record) -> None:
            words = [f"{k} {v}" for k, v in record.items() if k not in ("stage", "epoch")]
            said = " ".join([*words, pace.left(record)]).rstrip()
            bar.update(work, description=record["stage"], advance=record["epoch"] != "end", said=said)
            if first and not console.is_terminal:
                console.print(f"{record['stage']} {record['epoch']} {said}", highlight=False)

        run = Run(recipe, checkpoints, task, tick)
        dense, state = run_stages(run)
        if first:
            _finish(recipe, told, task, dense, state, run.log, out)
    if first and after is not None:
        after(Run(recipe, checkpoints, task))
    return out / "package.safetensors"
