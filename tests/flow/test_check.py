"""The check before a BUILD is written: which images, what it says, and that a wrong program leaves nothing behind."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.fit import ShapeRequest
from spikewright.compiler.target.structure import Shape
from spikewright.flow import check as checking
from spikewright.flow import generate as generating
from spikewright.flow.check import CheckReport, check, usual_images
from spikewright.flow.generate import generate
from spikewright.models.package import Package, read_package, write_package
from spikewright.sim.program.memory import ProgramFault
from spikewright.sim.program.planted import plant
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

PACKAGES = Path(__file__).parents[2] / "packages"
SPEC = NetworkSpec(height=6, width=4, steps=3, dim=6, heads=2, depth=1, mlp_ratio=1, pools=(False,) * 4, classes=3)
SHAPE = Shape(tokens=4, steps=2, banks=2)
REQUEST = ShapeRequest(lanes=16, banks=2, streams=1)


@pytest.fixture
def package() -> Package:
    return random_package(3, SPEC)


@pytest.fixture
def stored(package: Package, tmp_path: Path) -> Path:
    write_package(package, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def test_a_test_image_where_the_data_set_is_at_hand_then_noise_black_and_white() -> None:
    digits = read_package(PACKAGES / "digits" / "package.safetensors")
    images, sources = usual_images(digits)
    assert sources == ["a test image of digits", "noise", "black", "white"]
    assert (images[2] == 0).all()
    assert (images[3] == 255).all()
    again, _ = usual_images(digits)
    assert (images == again).all()


def test_two_of_noise_where_no_data_set_is_named(package: Package) -> None:
    images, sources = usual_images(package)
    assert (len(images), sources) == (4, ["noise", "more noise", "black", "white"])
    assert (images[0] != images[1]).any()


def test_it_says_how_many_values_and_which_layers_never_fired(package: Package) -> None:
    package.tensors["block0.fc1.threshold"][:] = 1 << 30
    package.tensors["block0.fc1.bias"][:] = 0
    report = check(compile_package(package, SHAPE), package, random_images(4, 5, SPEC))
    assert "block0.fc1" in report.silent
    assert report.sentence().startswith("checked on 5 images (the user's): ")
    assert "not shown, because they never fired: block0.fc1" in report.sentence()
    assert CheckReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_one_image_where_it_costs_much(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MANY", 0)
    assert check(compile_package(package, SHAPE), package).images == 1


def test_a_wrong_program_is_told_by_its_place_and_nothing_is_written(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        generating,
        "compile_package",
        lambda *words: plant("a code of the other sign", compile_package(*words), seed=1),
    )
    with pytest.raises(
        ProgramFault, match=r"^the program is wrong: image \d+, layer \S+, step \d+, token \d+, channel"
    ):
        generate(stored, "ulx3s-25f", tmp_path / "BUILD", REQUEST)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("checked", [True, False])
def test_the_manifest_says_what_was_checked(checked: bool, stored: Path, tmp_path: Path) -> None:
    build = generate(
        stored, "ulx3s-25f", tmp_path / "BUILD", REQUEST, checked=checked, images=np.zeros((2, 6, 4, 1), "u1")
    )
    said = json.loads((build.path / "manifest.json").read_text())["check"]
    assert build.check == said
    assert (said is not None) == checked
    if checked:
        assert (said["images"], said["source"]) == (2, "the user's")
