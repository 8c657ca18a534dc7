"""Small networks that are no Spikformer: values that are read in many ways, each of which wants another layout."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Package, read_package
from spikewright.sim.program.check import check_program

CASES = Path(__file__).parent / "cases"
SHAPES = [Shape(**fields) for fields in json.loads((CASES / "shapes.json").read_text())]
RIGHT = sorted(path.stem for path in CASES.glob("*.safetensors") if path.stem != "select-on-fine-grid")


def images(package: Package) -> np.ndarray:
    form = package.network.input
    drawn = np.random.default_rng(0).integers(256, size=(4, form.height, form.width, form.channels), dtype=np.uint8)
    drawn[0] = 0
    return drawn


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", RIGHT)
def test_every_value_is_the_golden_models(name: str, shape: Shape) -> None:
    package = read_package(CASES / f"{name}.safetensors")
    program = compile_package(package, shape)
    assert check_program(program, package, images(package)).images == 4


def test_a_select_on_a_finer_grid_is_refused_with_op_value_and_remedy() -> None:
    package = read_package(CASES / "select-on-fine-grid.safetensors")
    with pytest.raises(LoweringError) as refused:
        compile_package(package, Shape())
    assert str(refused.value) == (
        "s: this select reads the token grid, 4x4 as of p, not c1 on 8x8; pool c1 until it is on that grid, "
        "or leave out what is on a smaller one than c1"
    )
