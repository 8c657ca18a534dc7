"""``run_recipe``: from a recipe to a package, resumable, with progress and an estimate of the time left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spikewright.compress.methods.masks import pruned_share
from spikewright.compress.networks.account import compression_of, layers_of
from spikewright.compress.networks.build import dense_model, quantised_from
from spikewright.compress.networks.export import export_package, weight_statistics
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.artefacts import Checkpoints, portable, recipe_hash, save_tensors, to_json
from spikewright.compress.run.preflight import Witness, check_folder, checked
from spikewright.compress.run.stages import planned, run_stages
from spikewright.compress.run.stages.run import Run, State
from spikewright.compress.training.determinism import determinism
from spikewright.compress.training.loop import Record, TrainingError, accuracy, predict
from spikewright.compress.training.pace import Pace
from spikewright.compress.training.parallel import is_first
from spikewright.console import PlainConsole
from spikewright.cost.work import dense_macs
from spikewright.echo import printable
from spikewright.files import write_whole
from spikewright.locks import hold
from spikewright.models.package import write_package
from spikewright.models.task import Task


def _finish(
    recipe: Recipe,
    portable_recipe: dict[str, Any],
    task: Task,
    dense_state: State,
    state: State,
    log: list[Record],
    out: Path,
) -> None:
    """Judge both models on the test images, once, and write the run's files.

    portable_recipe: the recipe as it is hashed; dense_state, state: of the dense and of the quantised network.
    """
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
    ratios = compression_of(model, dense, recipe.input_bits, frames=task.frames)
    metrics: dict[str, Any] = {
        "name": recipe.name,
        "data": task.data.name,
        "recipe": recipe_hash(portable_recipe),
        "seed": recipe.seed,
        "accuracy": {rung: {"correct": n, "count": count} for rung, n in correct.items()},
        "validation": {
            "float": accuracy(dense, task, task.data.validation),
            "quantised": accuracy(model, task, task.data.validation, double=True),
        },
        "pruned": round(pruned_share(model, dense), 6),
        "weights": weight_statistics(model),
        "compression": {name: round(times, 3) for name, times in asdict(ratios).items()},
        # multiply-accumulates of all steps, pruned weights included
        "gflops": {name: dense_macs(network_layers) / 1e9 for name, network_layers in layers.items()},
    }
    records = {"record.labels": test.labels.astype(np.int16)}
    records |= {f"record.{rung}": classes.astype(np.int16) for rung, classes in answers.items()}
    provenance = {"recipe": portable_recipe, "metrics": metrics}
    package = export_package(model, recipe, task, records=records, provenance=provenance)
    save_tensors(out / "dense.safetensors", dense_state)
    save_tensors(out / "quantised.safetensors", state)
    resolved = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_whole(out / "recipe.yaml", resolved.encode())
    write_whole(out / "log.jsonl", "".join(json.dumps(r, sort_keys=True) + "\n" for r in log).encode())
    write_package(package, out / "package.safetensors")
    write_whole(out / "metrics.json", to_json(metrics).encode())


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
    out = Path(os.path.realpath(out_dir)) if os.path.islink(out_dir) else Path(out_dir)
    check_folder(out)
    recipe, task = checked(path, witness)
    portable_recipe = portable(recipe)
    console = console or PlainConsole(stderr=True)
    columns = (
        TextColumn("{task.description}", style="bold", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[status]}", markup=False), TimeElapsedColumn(),
    )  # fmt: skip
    first, plan = is_first(), planned(recipe)
    checkpoints = Checkpoints(out / "stages", recipe)
    checkpoints.check(plan)
    busy = f"{out} is in use by another spikewright command: wait for its end, or name another folder"
    pace = Pace(plan, [stage for stage in plan if checkpoints.path(stage).exists()])
    alone = hold(checkpoints.folder / ".lock", busy=busy, remove=True) if first else nullcontext()
    bar = Progress(*columns, console=console, disable=not (console.is_terminal and first))
    with alone:
        with determinism(recipe.threads), bar:
            work = bar.add_task(printable(recipe.name), total=sum(plan.values()), status="")

            def tick(record: Record) -> None:
                words = [f"{k} {v}" for k, v in record.items() if k not in ("stage", "epoch")]
                status = " ".join([*words, pace.left(record)]).rstrip()
                bar.update(work, description=record["stage"], advance=record["epoch"] != "end", status=status)
                if first and not console.is_terminal:
                    console.print(f"{record['stage']} {record['epoch']} {status}")

            run = Run(recipe, checkpoints, task, tick)
            dense, state = run_stages(run)
            if first:
                _finish(recipe, portable_recipe, task, dense, state, run.log, out)
        if first and after is not None:
            after(Run(recipe, checkpoints, task))
    return out / "package.safetensors"
