"""The committed packages of every family, without their checkpoints: golden model, recipe, record and metrics agree."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.registry import load_board
from spikewright.compiler.fit import Choice
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.artefacts import recipe_hash
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages import planned
from spikewright.compress.run.stages.run import task_of
from spikewright.flow.fitting import fitted
from spikewright.models.package import Package, read_package
from spikewright.sim.golden import run as golden

ROOT = Path(__file__).parents[3]
#: Test images: 360 where nothing else is said.
TESTED = {"dsp-slif": 359, "mnist": 1000, "together": 359}
PACKAGES = ("dsp-slif", "event", "mnist", "resnet", "spikformer", "together", "vgg")
MEGABYTE = 1_000_000


@pytest.fixture(params=sorted(PACKAGES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def folder_of(name: str) -> Path:
    return ROOT / "packages" / name


def package_of(name: str) -> Package:
    return read_package(folder_of(name) / "package.safetensors")


def test_the_golden_model_gives_the_recorded_classes_of_every_test_image(name: str) -> None:
    recipe, package = load_recipe(folder_of(name) / "recipe.yaml"), package_of(name)
    assert recipe == load_recipe(ROOT / "recipes" / f"{name}.yaml")
    test = task_of(recipe).data.test
    assert len(test) == TESTED.get(name, 360)
    assert np.array_equal(test.labels, package.tensors["record.labels"])
    classes = golden(package, test.images, keep_values=False).classes
    assert np.array_equal(classes, package.tensors["record.quantised"])


def test_metrics_are_those_of_the_package(name: str) -> None:
    recipe, package = load_recipe(folder_of(name) / "recipe.yaml"), package_of(name)
    metrics = json.loads((folder_of(name) / "metrics.json").read_text())
    assert metrics == (package.network.provenance or {})["metrics"]
    recipe_json = (package.network.provenance or {})["recipe"]
    assert metrics["recipe"] == recipe_hash(recipe_json)
    assert Recipe.model_validate(recipe_json) == recipe
    labels = package.tensors["record.labels"]
    for rung, counts in metrics["accuracy"].items():
        assert counts == {"correct": int((package.tensors[f"record.{rung}"] == labels).sum()), "count": len(labels)}
    codes = [tensor for key, tensor in package.tensors.items() if key.endswith("codes")]
    assert sum(code.size for code in codes) == metrics["weights"]["total"]
    # a channel that is constant whatever its weights are is stored without them
    kept = metrics["weights"]["kept"]
    assert 0.98 * kept <= sum(int(np.count_nonzero(code)) for code in codes) <= kept


def test_the_log_has_every_epoch_of_every_stage(name: str) -> None:
    recipe = load_recipe(folder_of(name) / "recipe.yaml")
    lines = [json.loads(line) for line in (folder_of(name) / "log.jsonl").read_text().splitlines()]
    for stage, epochs in planned(recipe).items():
        logged = [line["epoch"] for line in lines if line["stage"] == stage and line["epoch"] != "end"]
        assert logged == list(range(1, epochs + 1))


def test_packages_are_small(name: str) -> None:
    files = {path.name: path.stat().st_size for path in folder_of(name).iterdir()}
    tried = {"tried.json", "tried.svg"} if load_recipe(folder_of(name) / "recipe.yaml").target else set()
    assert set(files) == {"package.safetensors", "recipe.yaml", "log.jsonl", "metrics.json"} | tried
    assert max(files.values()) < MEGABYTE


@pytest.mark.parametrize("name", ["clutter-digits", pytest.param("spikformer", marks=pytest.mark.slow)])
def test_a_rehearsal_expects_about_the_cycles_that_the_trained_network_takes(name: str) -> None:
    board = load_board("ulx3s-85f")
    recipe = load_recipe(folder_of(name) / "recipe.yaml")
    expected, trained = (
        fitted(package, board) for package in (rehearsed_package(recipe, task_of(recipe)), package_of(name))
    )
    assert isinstance(expected, Choice)
    assert isinstance(trained, Choice)
    cycles, taken = (sum(step.cycles for step in choice.lowered.descriptors) for choice in (expected, trained))
    assert cycles == pytest.approx(taken, rel=0.1)
