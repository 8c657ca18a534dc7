"""The committed reference packages: recomputed from their checkpoints on all 360 test images, held to their bars."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikewright.compress.methods.masks import survivors
from spikewright.compress.networks.build import load_dense, load_quantised
from spikewright.compress.networks.export import export_package, weight_statistics
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.run.stages.run import task_of
from spikewright.compress.training.loop import predict
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden

ROOT = Path(__file__).parents[3]
#: Least accuracy of the dense float model in percent.
FLOAT = {"clutter-digits": 96.0, "digits": 98.0}
#: Most points that the integers may lose.
LOSS = 1.5


@pytest.fixture(params=sorted(FLOAT))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_records_are_recomputed_and_the_golden_model_agrees_on_every_image(name: str) -> None:
    folder = ROOT / "packages" / name
    recipe, package = load_recipe(folder / "recipe.yaml"), read_package(folder / "package.safetensors")
    assert recipe == load_recipe(ROOT / "recipes" / f"{name}.yaml")
    task = task_of(recipe)
    test = task.data.test
    record = {rung: package.tensors[f"record.{rung}"] for rung in ("labels", "float", "quantised")}
    assert len(test) == 360
    assert np.array_equal(test.labels, record["labels"])
    assert np.array_equal(
        predict(load_dense(recipe, folder / "dense.safetensors"), task, test, double=True), record["float"]
    )
    model = load_quantised(recipe, folder / "quantised.safetensors")
    assert np.array_equal(predict(model, task, test, double=True), record["quantised"])
    assert np.array_equal(golden(package, task.data.test.images, keep_values=False).classes, record["quantised"])
    metrics = json.loads((folder / "metrics.json").read_text())
    for rung in ("float", "quantised"):
        correct = int((record[rung] == record["labels"]).sum())
        assert metrics["accuracy"][rung] == {"correct": correct, "count": 360}


def test_the_package_is_the_export_of_the_quantised_checkpoint(name: str) -> None:
    folder = ROOT / "packages" / name
    recipe, package = load_recipe(folder / "recipe.yaml"), read_package(folder / "package.safetensors")
    model = load_quantised(recipe, folder / "quantised.safetensors")
    again = export_package(
        model, recipe, task_of(recipe), provenance=package.network.provenance,
        records={n: t for n, t in package.tensors.items() if n.startswith("record.")},
    )  # fmt: skip
    assert again.network == package.network
    assert set(again.tensors) == set(package.tensors)
    assert all(np.array_equal(again.tensors[n], package.tensors[n]) for n in package.tensors)


def test_the_integers_lose_little(name: str) -> None:
    accuracy = json.loads((ROOT / "packages" / name / "metrics.json").read_text())["accuracy"]
    share = {rung: 100 * accuracy[rung]["correct"] / 360 for rung in ("float", "quantised")}
    assert share["quantised"] >= share["float"] - LOSS


def test_bars(name: str) -> None:
    folder = ROOT / "packages" / name
    recipe, package = load_recipe(folder / "recipe.yaml"), read_package(folder / "package.safetensors")
    metrics = json.loads((folder / "metrics.json").read_text())
    share = {rung: 100 * metrics["accuracy"][rung]["correct"] / 360 for rung in ("float", "quantised")}
    assert share["float"] >= FLOAT[name]
    weights = weight_statistics(load_quantised(recipe, folder / "quantised.safetensors"))
    assert weights == metrics["weights"]
    masks = recipe.constraints.masks
    assert masks is not None
    assert weights["kept"] <= survivors(weights["total"], masks.sparsity, masks.rounds, masks.rounds)
    assert weights["sparsity"] >= 0.9
    assert max(weights["average_bits"], weights["average_bits_kept"]) <= 3.7
    assert min(weights["weights_by_scheme"].values()) > 0
    assert weights["tokens"] == [16, 11]
    assert package.network.steps == 4
    assert all(path.stat().st_size < 1_000_000 for path in folder.iterdir())
