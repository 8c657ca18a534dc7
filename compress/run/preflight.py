"""What stands in a run's way, told before anything is trained or written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import yaml

from spikewright.compress.networks.build import dense_model, untrained_teacher
from spikewright.compress.recipe.reading import RecipeError, load_recipe
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.factory_check import check_network, check_training
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages.run import task_of
from spikewright.compress.training.parallel import process_count, without_gpu
from spikewright.echo import quoted
from spikewright.models.factory import FactoryConfig, build_from_factory
from spikewright.models.package import Package
from spikewright.models.task import Task

#: Told of recipe, data and the package that is expected; raises where a network is not what it describes.
Witness = Callable[[Recipe, Task, Package], None]
#: What a run leaves beside its stages.
WRITTEN = (
    "recipe.yaml", "metrics.json", "log.jsonl", "package.safetensors", "dense.safetensors", "quantised.safetensors",
    "tried.json", "tried.svg",
)  # fmt: skip


def _check_processes(recipe: Recipe, task: Task) -> None:
    """RecipeError where the processes that ``torchrun`` started cannot train together."""
    processes = process_count()
    if processes == 1:
        return
    if missing := [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise RecipeError(f"WORLD_SIZE is {processes}, but there is no {missing[0]}: start with torchrun, or unset it")
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


def _check_memory(recipe: Recipe) -> None:
    """RecipeError where the weights alone are more than training could hold in this machine."""
    if isinstance(recipe.model, FactoryConfig):
        return
    with torch.device("meta"):  # shapes without numbers
        count = sum(parameter.numel() for parameter in dense_model(recipe).parameters())
    needed = 4 * 4 * count  # weights, gradients, and AdamW's two moments, of four bytes each
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise RecipeError(
            f"model: to train its {count} weights takes {needed / 2**30:.1f} GiB at least, but this machine has "
            f"{there / 2**30:.1f}"
        )


def checked(path: Path | str, witness: Witness | None = None) -> tuple[Recipe, Task]:
    """A recipe that a run can end well with, and its data; RecipeError with what stands in its way, before training.

    witness: asked at last, as in ``run_recipe``.
    """
    recipe = load_recipe(path)
    tokens = recipe.constraints.tokens
    try:
        _check_memory(recipe)
        network = untrained_teacher(recipe)  # a checkpoint that does not fit is refused now
        if isinstance(recipe.model, FactoryConfig):
            check_network(network, recipe.model.factory)
        if tokens is not None and tokens.method != "learned":
            raise RecipeError(
                f"tokens.method {quoted(tokens.method)} is a control for benchmarks; no package can hold it"
            )
        task = task_of(recipe)
        _check_processes(recipe, task)
        if isinstance(recipe.model, FactoryConfig):
            build, few = partial(build_from_factory, recipe.model), task.data.train
            labels = torch.from_numpy(few.labels[:2])
            copied = recipe.target is not None or getattr(recipe.constraints.masks, "start", None) == "random"
            check_training(build, task.inputs(few.images[:2]), labels, recipe.model.factory, copied=copied)
        package = rehearsed_package(recipe, task)
        if witness is not None:
            witness(recipe, task, package)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):  # as PyTorch says it
            raise
        raise RecipeError(f"{path}: its network or its images do not fit into this machine's memory") from None
    return recipe, task


def check_folder(out: Path) -> None:
    """RecipeError where a run would write among things that are not its own."""
    if re.search(r"[\x00-\x1f\ud800-\udfff]", str(out)):
        raise RecipeError(
            f"{quoted(str(out))} cannot be the folder of a run: it must be UTF-8 without control characters"
        )
    if out.exists() and not out.is_dir():
        raise RecipeError(f"{out} is a file: name a folder for the run")
    stages = out / "stages"
    if not out.is_dir():
        return
    if stages.is_dir():  # of a run, but where it has no checkpoint and would write over what no run has left
        resumable = any(stages.glob("*.safetensors")) or _is_resolved(out / "recipe.yaml")
        foreign = not resumable and any((out / name).exists() for name in WRITTEN)
    else:
        foreign = any(not path.name.startswith(".") for path in out.iterdir())
    if foreign:
        raise RecipeError(f"{out} is a folder with other things in it: name a new one, or that of a run to go on with")


def _is_resolved(path: Path) -> bool:
    """Whether a run wrote this recipe, with every default in it."""
    try:
        return bool(load_recipe(path).model_dump(mode="json") == yaml.safe_load(path.read_text(encoding="utf-8")))
    except RecipeError:
        return False
