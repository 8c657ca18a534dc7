"""The last rung: ECP5 cells out of yosys, with the memories as they were written, answer as the golden model does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.families.ecp5 import FAMILY
from spikewright.boards.netlist import make_netlist
from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import Shape
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.models import data
from spikewright.models.package import Package, read_package
from spikewright.sim.accelerator.simulator import RunOptions, build_simulator, run_program
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

ROOT = Path(__file__).parents[2]


def small() -> tuple[Package, Shape, np.ndarray]:
    """Everything in it: selector, attention, two step groups."""
    spec = NetworkSpec(dim=16, heads=2, depth=2, mlp_ratio=2, steps=3, selectors=((1, 11),))
    return random_package(5, spec), Shape(tokens=4, steps=2, banks=2), random_images(6, 1, spec)


def reference() -> tuple[Package, Shape, np.ndarray]:
    """The reference model at full size, and its first test image."""
    package = read_package(ROOT / "packages/clutter-digits/package.safetensors")
    return package, Shape(tokens=16, steps=4, banks=4), data.load(package.network.data).test.images[:1]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("case", [small, reference])
def test_netlist_gives_the_golden_scores(case: Callable[[], tuple[Package, Shape, np.ndarray]], tmp_path: Path) -> None:
    package, shape, images = case()
    program = compile_package(package, shape)
    source = elaborate(Accelerator(structure=program.structure), "accelerator", tmp_path)
    netlist = make_netlist("accelerator", [source], memory_sources(), tmp_path / "netlist", FAMILY)
    assert "MULT18X18D" not in netlist.cell_count
    built = build_simulator(program.structure, netlist.sources, folder=tmp_path / "sim")
    answers = run_program(
        program, images, folder=tmp_path / "run", built=built, options=RunOptions(tracing=False, timeout=1200)
    )
    np.testing.assert_array_equal(answers.scores >> program.trace_map.score_shift, run(package, images).scores.numpy())
