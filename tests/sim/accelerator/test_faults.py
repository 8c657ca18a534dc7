"""Faults are found: flipped ROM bits, and Verilog that was broken on purpose."""

import re

import pytest
from networks import images_of, package_of, programs_of, run_network, simulator_of

from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.accelerator.faults import count_verdicts, draw_flips, judge_all
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import build_simulator
from spikewright.sim.accelerator.trace import TraceError
from spikewright.sim.verilator.run import BenchError

GROUP, INDEX = "four-banks", 3


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_flipped_bits(count, tmp_path):
    program = programs_of(GROUP)[INDEX]
    network = SimulatedNetwork.of_program(program, package_of(GROUP, INDEX), tmp_path)
    used = {name: len(image.words) for name, image in program.roms.items()}
    flips = draw_flips(network, used, count, seed=7)
    images = images_of(GROUP, INDEX, 12)
    outcomes = judge_all(network, simulator_of(GROUP), images, flips, tmp_path / "flip")
    table = count_verdicts(outcomes)
    print(table)
    assert sum(sum(row.values()) for row in table.values()) == count
    caught = sum(row["caught"] + row["hang"] for row in table.values())
    assert caught > count / 3
    if count >= 100:
        assert all(row["caught"] + row["hang"] > sum(row.values()) / 3 for row in table.values())


#: Module of the generated Verilog, and what is replaced where it first occurs there.
BROKEN = {
    "the LIF array subtracts its drive": ("engine.lif0", " + ", " - "),
    "two lanes subtract a product": ("engine.lanes0", " + ", " - "),
    "the pool takes the AND of its taps": ("mover", r"(assign \S+ += \S+ +)\|", r"\1&"),
}


def broken(text, module, pattern, replacement):
    """The Verilog with the first match in one module replaced."""
    start = text.index(f"module \\accelerator.{module} (")
    end = text.index("endmodule", start)
    edited, count = re.subn(pattern if "\\" in pattern else re.escape(pattern), replacement, text[start:end], count=1)
    assert count == 1
    return text[:start] + edited + text[end:]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", BROKEN)
def test_broken_verilog(fault, tmp_path):
    program = programs_of(GROUP)[INDEX]
    verilog = elaborate(Accelerator(structure=program.structure), "accelerator", tmp_path)
    verilog.write_text(broken(verilog.read_text(), *BROKEN[fault]))
    built = build_simulator(program.structure, verilog, optimise="-O0")
    network = SimulatedNetwork.of_program(program, package_of(GROUP, INDEX), tmp_path)
    try:
        comparison = compare(network, built, images_of(GROUP, INDEX, 2))
    except (BenchError, TraceError):
        return
    assert not comparison.bit_exact
    assert comparison.first is not None
    assert comparison.first.expected != comparison.first.got


def test_the_network_is_exact_without_a_fault(tmp_path):
    assert run_network(GROUP, INDEX, tmp_path, images=12).bit_exact
