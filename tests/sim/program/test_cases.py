"""Small networks that are no Spikformer: values that are read in many ways, and the ends of what a package may hold."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.program import StructureError
from spikewright.compiler.target.structure import Shape
from spikewright.hdl.leak import LeakProduct
from spikewright.models.package import Package, read_package
from spikewright.sim.program.check import check_program

CASES = Path(__file__).parent / "cases"
SHAPES = [Shape(**fields) for fields in json.loads((CASES / "shapes.json").read_text())]
PACKAGES = sorted(path.stem for path in CASES.glob("*.safetensors"))


def images(package: Package) -> np.ndarray:
    form = package.network.input
    drawn = np.random.default_rng(0).integers(256, size=(4, form.height, form.width, form.channels), dtype=np.uint8)
    drawn[0], drawn[1] = 0, 255
    return drawn


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", PACKAGES)
def test_every_value_is_the_golden_models(name: str, shape: Shape) -> None:
    package = read_package(CASES / f"{name}.safetensors")
    program = compile_package(package, shape)
    assert check_program(program, package, images(package)).images == 4


def test_a_silent_network_with_leaks_has_membranes_that_can_be_rounded() -> None:
    structure = compile_package(read_package(CASES / "silent-with-leaks.safetensors"), SHAPES[0]).structure
    assert structure.leaks
    LeakProduct(width=structure.membrane_bits, most_coarse=structure.fraction_bits)
    assert structure.membrane_bits > structure.fraction_bits


def test_the_loader_counts_slots_to_the_last_tiles_end() -> None:
    """60 positions of a folded image in tiles of 14 lanes: where 70 wraps around, lanes past the last get pixels."""
    package = read_package(CASES / "last-tile-of-a-folded-image.safetensors")
    assert compile_package(package, Shape(tokens=14, steps=1, banks=1, streams=1)).structure.loop_bits == 7


@pytest.mark.parametrize("asked", ["leaks 1 is above 0", "fraction_bits 20 is above"])
def test_a_structure_without_what_is_asked_is_refused(asked: str) -> None:
    package = read_package(CASES / "silent-with-leaks.safetensors")
    plain = compile_package(read_package(CASES / "att-reads-pool.safetensors"), SHAPES[0]).structure
    with pytest.raises(StructureError, match=asked):
        compile_package(package, plain)
