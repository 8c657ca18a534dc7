"""Recipes on a user's files: from the file to a package, what refuses them, and what a run knows them by."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_files import put_cifar10, put_cifar10_dvs, put_gesture

from spikewright.compress.recipe.reading import RecipeError, load_recipe, parse_recipe
from spikewright.compress.run.artefacts import portable, recipe_hash, stage_key
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import run as stages
from spikewright.compress.run.stages.run import task_of
from spikewright.models import data
from spikewright.models.data import by_content, fingerprint
from spikewright.models.formats.errors import FormatError
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden

REST = """
training: {batch: 16}
teacher: {epochs: 1}
constraints:
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""
SMALL = "dim: 16, depth: 1, heads: 2, mlp_ratio: 2"


def put_npz(folder: Path) -> Path:
    rng = np.random.default_rng(4)
    labels = np.arange(40) % 4
    images = (rng.integers(0, 60, (40, 8, 8)) + 60 * labels[:, None, None]).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "mine.npz", images=images, labels=labels)
    return folder


SOURCES = {
    "npz mine.npz": (
        put_npz,
        "{npz: data/mine.npz, shift: 1}",
        "height: 8, width: 8, classes: 4, steps: 2, pools: [3, 4]",
    ),
    "cifar10": (
        put_cifar10,
        "{set: cifar10, folder: data}",
        "height: 32, width: 32, channels: 3, steps: 2, pools: [1, 2, 3, 4]",
    ),
    "cifar10-dvs": (
        put_cifar10_dvs,
        "{set: cifar10-dvs, folder: data, frames: 3, shrink: 4}",
        "height: 32, width: 32, channels: 2, steps: 3, pools: [1, 2, 3, 4], layout: conv1d",
    ),
}


def put_recipe(folder: Path, data: str, model: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(f"name: mine\ndata: {data}\nmodel: {{{SMALL}, {model}}}{REST}")
    return folder / "recipe.yaml"


@pytest.mark.parametrize("name", SOURCES)
def test_a_recipe_on_files_ends_in_a_package(name: str, tmp_path: Path) -> None:
    write, source, model = SOURCES[name]
    write(tmp_path / "data")
    path = put_recipe(tmp_path, source, model)
    package = read_package(run_recipe(path, tmp_path / "run"))
    test = task_of(load_recipe(path)).data.test
    assert np.array_equal(package.tensors["record.quantised"], golden(package, test.images).classes)
    assert np.array_equal(package.tensors["record.labels"], test.labels)
    assert package.network.data == name == json.loads((tmp_path / "run" / "metrics.json").read_text())["data"]
    assert (package.network.input.frames, package.network.input.signed) == ("dvs" in name, "dvs" not in name)
    assert str(tmp_path) not in package.network.model_dump_json()
    # the resolved recipe lies elsewhere, and means the same files: the run is found whole
    resolved = tmp_path / "run" / "recipe.yaml"
    assert load_recipe(resolved) == load_recipe(path)
    before = (tmp_path / "run" / "package.safetensors").read_bytes()
    assert run_recipe(resolved, tmp_path / "run").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "model", "text"),
    [
        (
            "{set: cifar10, folder: data}",
            "classes: 100",
            "model: height 16, width 16, channels 1, classes 100 does not fit the data cifar10; "
            "allowed is height 32, width 32, channels 3, classes 10",
        ),
        (
            "{set: dvs128-gesture, folder: data, frames: 5}",
            "height: 128, width: 128, channels: 2, classes: 11, steps: 4",
            "model: steps 4 does not fit the data dvs128-gesture; allowed is steps 5, a frame a step",
        ),
        (
            "digits",
            "height: 32, width: 32",
            "model: height 32, width 32 does not fit the data digits; allowed is height 16, width 16",
        ),
    ],
)
def test_a_model_of_another_size_is_refused_before_training(source: str, model: str, text: str, tmp_path: Path) -> None:
    put_cifar10(tmp_path / "data")
    put_gesture(tmp_path / "data")
    with pytest.raises(RecipeError) as caught:
        run_recipe(put_recipe(tmp_path, source, model), tmp_path / "run")
    assert str(caught.value) == f"{tmp_path / 'recipe.yaml'}: {text}"
    assert not (tmp_path / "run").exists()


def test_an_ann_reads_no_frames(tmp_path: Path) -> None:
    put_gesture(tmp_path / "data")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "name: mine\ndata: {set: dvs128-gesture, folder: data, frames: 5}\nmodel: {family: vgg, depth: 11, "
        f"height: 128, width: 128, channels: 2, classes: 11, steps: 5}}{REST}  masks: {{method: magnitude}}\n"
    )
    with pytest.raises(
        RecipeError, match="a vgg begins as an ANN and reads one image for all steps, but dvs128-gesture"
    ):
        run_recipe(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("cifar10", "data: data 'cifar10' is not at hand: name the folder of its files, {set: cifar10, folder: DIR}"),
        (
            "3",
            "data: must be the name of a set at hand, or {npz: FILE}, {folder: DIR}, {set: NAME, folder: DIR}, not ",
        ),
        ("{set: cifar-10, folder: x}", "data.set: unknown set 'cifar-10'; did you mean 'cifar10'? All are cifar10, "),
        ("{set: cifar10}", "data.folder: is missing"),
        ("{set: cifar10, folder: x, frames: 4}", "data: frames is for event cameras; cifar10 has images, the same"),
        ("{set: n-mnist, folder: x}", "data: n-mnist needs frames: T, the number of frames that a recording is cut"),
        ("{set: n-mnist, folder: x, frames: 0}", "data.frames: Input should be greater than or equal to 1, not 0"),
        (
            "{set: n-mnist, folder: x, frames: 2, shrink: 4}",
            "data: shrink must divide the 34×34 pixels of n-mnist",
        ),
        ("{folder: x, chanels: 1}", "data.chanels: unknown key; did you mean 'channels'?"),
        ("{npz: x, classes: 1}", "data.classes: unknown key; known keys are flip, shift, npz, test, counts"),
        ("{npz: x}\ntraining: {jitter: true}", "training.jitter bends digits; a user's images have data.flip and"),
    ],
)
def test_faults_in_data_are_told_in_one_sentence(source: str, text: str) -> None:
    constraints = 'constraints: {quantisers: {layers: {"*": {scheme: pot, bits: 3}}}}'
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"name: t\ndata: {source}\n{constraints}")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_named_as_it_was_meant(tmp_path: Path) -> None:
    path = put_recipe(tmp_path, "{set: cifar10, folder: ../none}", "steps: 2")
    with pytest.raises(FormatError, match=rf"^{tmp_path.parent}/none: is not a folder"):
        run_recipe(path, tmp_path / "run")


def test_a_run_knows_its_files_by_their_content(tmp_path: Path) -> None:
    keys = {}
    for place in ("a", "b"):
        put_npz(tmp_path / place / "data")
        put_cifar10(tmp_path / place / "data")
        for name in ("npz mine.npz", "cifar10"):
            recipe = load_recipe(put_recipe(tmp_path / place, *SOURCES[name][1:]))
            keys[place, name] = stage_key(recipe, "teacher"), recipe_hash(portable(recipe))
            assert str(tmp_path) not in json.dumps(portable(recipe))
    assert keys["a", "cifar10"] == keys["b", "cifar10"] != keys["a", "npz mine.npz"] == keys["b", "npz mine.npz"]
    by_content.cache_clear()
    with np.load(tmp_path / "b" / "data" / "mine.npz") as archive:
        images, labels = archive["images"].copy(), archive["labels"]
    images[0, 0, 0] ^= 1
    np.savez(tmp_path / "b" / "data" / "mine.npz", images=images, labels=labels)
    shutil.rmtree(tmp_path / "a" / "data" / "cifar-10-batches-bin")
    put_cifar10(tmp_path / "a" / "data", each=3)
    for place, name in (("b", "npz mine.npz"), ("a", "cifar10")):
        recipe = load_recipe(put_recipe(tmp_path / place, *SOURCES[name][1:]))
        assert stage_key(recipe, "teacher") != keys[place, name][0]


def test_hidden_files_are_no_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"1")
    before = fingerprint(tmp_path)
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "package").write_bytes(b"x")
    (tmp_path / ".cache").symlink_to(tmp_path / "nowhere")
    assert fingerprint(tmp_path) == before
    (tmp_path / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"1")
    assert fingerprint(tmp_path) != before


def test_linked_folders_are_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "1.png").write_bytes(b"1")
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "real")
    before = fingerprint(tmp_path / "set")
    (tmp_path / "real" / "again").symlink_to(tmp_path / "set")  # around and around
    (tmp_path / "real" / "here").symlink_to(tmp_path / "real")
    assert fingerprint(tmp_path / "set") == before
    (tmp_path / "real" / "2.png").write_bytes(b"1")
    assert fingerprint(tmp_path / "set") != before


def test_a_run_is_known_by_the_files_that_it_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written over while the teacher trains: the run goes on, and stays that of the files before."""
    put_npz(tmp_path / "data")
    path, file = put_recipe(tmp_path, *SOURCES["npz mine.npz"][1:]), tmp_path / "data" / "mine.npz"
    whole, real = file.read_bytes(), stages.train

    def written_over(*args: Any, **named: Any) -> Any:
        file.write_bytes(b"PK, or so")
        return real(*args, **named)

    monkeypatch.setattr(stages, "train", written_over)
    before = run_recipe(path, tmp_path / "run").read_bytes()
    file.write_bytes(whole)
    for cached in (data.load, by_content):
        cached.cache_clear()
    monkeypatch.setattr(stages, "train", lambda *_, **__: pytest.fail("a stage was trained again"))
    assert run_recipe(path, tmp_path / "run").read_bytes() == before


def test_a_name_stays_a_name(tmp_path: Path) -> None:
    recipe = load_recipe(put_recipe(tmp_path, "'clutter-digits:3'", "steps: 2"))
    assert recipe.model_dump(mode="json")["data"] == "clutter-digits:3" == recipe.data
    assert portable(recipe) == recipe.model_dump(mode="json")
    assert data.load(recipe.data).name == "clutter-digits:3"
