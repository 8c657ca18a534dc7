"""Every kind of planted fault is found by the check, and by nothing else: the program without it is right."""

from functools import cache

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.program import Program
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Package
from spikewright.sim.golden import Trace, run
from spikewright.sim.program.check import check_program
from spikewright.sim.program.memory import ProgramFault
from spikewright.sim.program.planted import kinds, plant
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

#: Several tiles, step groups and positions; a selector, two heads of odd width, a signed image, both streams.
SPEC = NetworkSpec(
    height=8, width=12, channels=2, steps=5, dim=14, heads=2, depth=1, mlp_ratio=2, pools=(False, False, False, True),
    selectors=((0, 17),), classes=4, reset=None, compare=None,
)  # fmt: skip
SHAPE = Shape(tokens=5, steps=2, banks=3, streams=2)


@cache
def right() -> tuple[Program, Package, np.ndarray, Trace]:
    package = random_package(4, SPEC)
    images = random_images(5, 4, SPEC)
    return compile_package(package, SHAPE), package, images, run(package, images)


def test_the_program_itself_is_right() -> None:
    checked = check_program(*right())
    assert checked.images == 4
    assert not checked.silent


@pytest.mark.parametrize("kind", list(kinds()))
def test_a_planted_fault_is_found(kind: str) -> None:
    program, package, images, golden = right()
    with pytest.raises(ProgramFault, match="the program is wrong: "):
        check_program(plant(kind, program, seed=0), package, images, golden)


def test_there_are_twenty_kinds_and_more() -> None:
    assert len(list(kinds())) >= 20
