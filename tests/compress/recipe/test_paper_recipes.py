"""The papers' own settings run: each recipe with all its stages, on tiny files in the set's format, made small."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from published_files import (
    put_cifar10,
    put_cifar10_dvs,
    put_cifar100,
    put_gesture,
    put_n_caltech101,
    put_tiny_imagenet,
)

from spikewright.compress.networks.build import layer_names, student_model
from spikewright.compress.recipe.constraints import FixedQuantisers
from spikewright.compress.recipe.reading import layer_formats, load_recipe
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import planned
from spikewright.models.data import PublishedSet
from spikewright.models.package import read_package

FOLDER = Path(__file__).parents[3] / "recipes" / "paper"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
WRITE: dict[str, Callable[[Path], Path]] = {
    "cifar10": put_cifar10,
    "cifar100": put_cifar100,
    "tiny-imagenet": put_tiny_imagenet,
    "dvs128-gesture": put_gesture,
    "cifar10-dvs": put_cifar10_dvs,
    "n-caltech101": put_n_caltech101,
}
#: Classes of the tiny files, where they have fewer than the set.
FEWER = {"tiny-imagenet": 3, "n-caltech101": 3}


def small(whole: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same structure (set, family, depth, T, methods), but narrow, with stages of one epoch and two rounds."""
    data, model = whole["data"], whole["model"]
    data["folder"] = str(folder)
    model["classes"] = FEWER.get(data["set"], model["classes"])
    if "dim" in model:
        model |= {"dim": 16, "heads": 2, "mlp_ratio": 2}
    else:
        model |= {"width_factor": 0.05, "steps": 2}
    if model["height"] == 128:
        data["shrink"] = 4
        model |= {"height": 32, "width": 32}
    whole["training"] |= {"batch": 4, "images": 8}
    whole["teacher"]["epochs"] = 1
    for part in whole["constraints"].values():
        part |= {key: 1 for key in part if key.endswith("epochs") or key == "rewind"}
        if "rounds" in part:
            part["rounds"] = 2
        if "sparsity" in part:  # a narrow layer has so few weights that none of them would stay
            part["sparsity"] = 0.5
    return whole


@pytest.mark.parametrize("name", RECIPES)
def test_a_papers_recipe_runs(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(FOLDER / f"{name}.yaml")
    assert recipe.name == name
    assert isinstance(recipe.data, PublishedSet)
    assert Path(recipe.data.folder) == FOLDER.parents[1] / "data" / recipe.data.set
    if isinstance(recipe.constraints.quantisers, FixedQuantisers):
        assert layer_formats(recipe, layer_names(student_model(recipe)))
    WRITE[recipe.data.set](tmp_path / "data")
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(small(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()), tmp_path / "data")))
    package = read_package(run_recipe(path, tmp_path / "run"))
    assert package.network.data == recipe.data.set
    assert package.network.steps == (recipe.model.steps if recipe.model.family == "spikformer" else 2)
    stages = {file.stem for file in (tmp_path / "run" / "stages").iterdir()} - {"early"}
    assert stages == set(planned(load_recipe(path)))
    assert {kind(stage) for stage in stages} == {kind(stage) for stage in planned(recipe)}


def kind(stage: str) -> str:
    """A stage without the number of its round."""
    return stage.rstrip("-0123456789")


def test_every_paper_has_its_recipes() -> None:
    assert {name.partition("-")[0] for name in RECIPES} == {"sparse", "spikehq", "l1p", "dsp", "attention"}
