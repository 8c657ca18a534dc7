"""The last rung: ECP5 cells out of yosys, with the memories as they were written, answer as the golden model does."""

from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.netlist import make_netlist
from spikewright.compiler.importer import import_package
from spikewright.compiler.lowering import lower
from spikewright.compiler.passes import run_passes
from spikewright.compiler.program import assemble
from spikewright.compiler.structure import Shape
from spikewright.hdl.accelerator import Accelerator
from spikewright.sim.elaborate import elaborate
from spikewright.sim.golden import run
from spikewright.sim.random_networks import NetworkSpec, random_images, random_package
from spikewright.sim.simulator import build_simulator, memory_sources, run_program


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_netlist_gives_the_golden_scores(tmp_path: Path) -> None:
    """A small structure with everything in it: selector, attention, two step groups."""
    spec = NetworkSpec(dim=16, heads=2, depth=2, mlp_ratio=2, steps=3, selectors=((1, 11),))
    package = random_package(5, spec)
    program = assemble(lower(run_passes(import_package(package)), Shape(tokens=4, steps=2, banks=2)))
    source = elaborate(Accelerator(structure=program.structure), "accelerator", tmp_path)
    netlist = make_netlist("accelerator", [source], memory_sources(), tmp_path / "netlist")
    assert "MULT18X18D" not in netlist.cell_count
    built = build_simulator(program.structure, netlist.sources, folder=tmp_path / "sim", optimise="-O1")
    images = random_images(6, 1, spec)
    answers = run_program(program, images, folder=tmp_path / "run", built=built, tracing=False, timeout=1200)
    np.testing.assert_array_equal(answers.scores >> program.score_shift, run(package, images).scores.numpy())
