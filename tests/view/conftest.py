"""BUILDs with reports and traces."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.fit import ShapeRequest
from spikewright.flow.generate import generate
from spikewright.models.package import Package, write_package
from spikewright.sim.stimulus.random_networks import random_images, random_package

sys.path.insert(0, str(Path(__file__).parent))

from drawn import NAME, SPEC, observe


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> Path:
    """A BUILD for a board, without a report."""
    folder = tmp_path_factory.mktemp("view")
    package = random_package(5, SPEC)
    network = package.network.model_copy(update={"name": NAME})
    write_package(Package(network, package.tensors), folder / "package.safetensors")
    generate(folder / "package.safetensors", "ulx3s-25f", folder / "BUILD", ShapeRequest(16, 2, 1), checked=False)
    return folder / "BUILD"


@pytest.fixture
def build(generated, tmp_path) -> Path:
    """A BUILD whose comparison found every value equal."""
    folder = Path(shutil.copytree(generated, tmp_path / "BUILD"))
    observe(folder, random_images(2, 12, SPEC), np.arange(12) % 10)
    return folder
