"""``run_recipe``: from a recipe to a package, resumable, with progress and an estimate of the time left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spikewright.compress.artefacts import Checkpoints, recipe_hash, save_tensors, to_json, write_whole
from spikewright.compress.build import dense_model, layer_names, quantised_from, student_model
from spikewright.compress.export import export_package, weight_statistics
from spikewright.compress.parallel import Ranks
from spikewright.compress.recipe import RecipeError, layer_formats, load_recipe
from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.stages import planned_epochs, run_stages
from spikewright.compress.stages.run import Run, State
from spikewright.compress.task import Task
from spikewright.compress.training import Record, accuracy, predict
from spikewright.models.package import write_package


@contextmanager
def _determinism(threads: int) -> Iterator[None]:
    """Deterministic kernels and the recipe's thread count, for the length of a run."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _finish(recipe: Recipe, task: Task, dense_state: State, state: State, log: list[Record], out: Path) -> None:
    """Judge both models on the test images, once, and write the run's files."""
    dense = dense_model(recipe)
    dense.load_state_dict(dense_state)
    model = quantised_from(recipe, state)
    test = task.data.test
    answers = {"float": predict(dense, task, test, double=True), "quantised": predict(model, task, test, double=True)}
    count = len(test)
    correct = {rung: int((classes == test.labels).sum()) for rung, classes in answers.items()}
    metrics: dict[str, Any] = {
        "name": recipe.name,
        "data": recipe.data,
        "recipe": recipe_hash(recipe),
        "seed": recipe.seed,
        "accuracy": {rung: {"correct": n, "count": count} for rung, n in correct.items()},
        "validation": {
            "float": accuracy(dense, task, task.data.validation),
            "quantised": accuracy(model, task, task.data.validation, double=True),
        },
        "weights": weight_statistics(model),
    }
    records = {"record.labels": test.labels.astype(np.int16)}
    records |= {f"record.{rung}": classes.astype(np.int16) for rung, classes in answers.items()}
    provenance = {"recipe": recipe.model_dump(mode="json"), "metrics": metrics}
    package = export_package(model, recipe, task, records=records, provenance=provenance)
    save_tensors(out / "dense.safetensors", dense_state)
    save_tensors(out / "quantised.safetensors", state)
    resolved = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_whole(out / "recipe.yaml", resolved.encode())
    write_whole(out / "log.jsonl", "".join(json.dumps(r, sort_keys=True) + "\n" for r in log).encode())
    write_package(package, out / "package.safetensors")
    write_whole(out / "metrics.json", to_json(metrics).encode())


def run_recipe(path: Path | str, out_dir: Path | str, *, console: Console | None = None) -> Path:
    """Train what the recipe says and return the path of the package, ``out_dir/package.safetensors``.

    Beside it: dense.safetensors, quantised.safetensors, recipe.yaml (resolved), log.jsonl, metrics.json, and a
    checkpoint per stage in ``stages/``, from which an interrupted run continues to the same result.
    """
    recipe, out = load_recipe(path), Path(out_dir)
    tokens = recipe.constraints.tokens
    if tokens is not None and tokens.method != "learned":
        raise RecipeError(
            f"{path}: tokens.method {tokens.method!r} is a control for benchmarks; no package can hold it"
        )
    if recipe.constraints.quantisers.method == "fixed":
        layer_formats(recipe, _layer_names(recipe))  # refuse a bad format before training, not after
    console = console or Console(stderr=True)
    columns = (
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    checkpoints = Checkpoints(out / "stages", recipe)
    quiet = not console.is_terminal or Ranks.current().rank > 0
    with (
        _determinism(recipe.threads),
        Progress(*columns, console=console, disable=quiet) as bar,
    ):
        work = bar.add_task(recipe.name, total=planned_epochs(recipe), said="")

        def tick(record: Record) -> None:
            said = " ".join(f"{k} {v}" for k, v in record.items() if k not in ("stage", "epoch"))
            bar.update(work, description=record["stage"], advance=record["epoch"] != "end", said=said)
            if not console.is_terminal:
                console.print(f"{record['stage']} {record['epoch']} {said}", highlight=False)

        run = Run.start(recipe, checkpoints, tick)
        dense, state = run_stages(run)
        if Ranks.current().rank == 0:
            _finish(recipe, run.task, dense, state, run.log, out)
    return out / "package.safetensors"


def _layer_names(recipe: Recipe) -> list[str]:
    return layer_names(student_model(recipe))
