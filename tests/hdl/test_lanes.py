"""Arithmetic: multiplier, lanes, neurons and write-back, against their models."""

from pathlib import Path

import pytest
from structures import SHAPES, neuron_roms, simulate, structure

from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray
from spikewright.hdl.neurons import NeuronControl
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.writeback import ResidualCapture, WriteBack

BENCH = Path(__file__).with_name("lanes_bench.py")
CONTROL_BENCH = Path(__file__).with_name("neurons_bench.py")

#: code bits, planes, value bits: just wide enough for 2^(planes - 1) times the greatest value
MULTIPLIERS = [(2, 2, 3), (3, 5, 8), (4, 8, 15), (5, 3, 11), (8, 8, 16)]

CASES = {
    "lane_array": BENCH,
    "lif_array": BENCH,
    "lif_neuron": BENCH,
    "residual_capture": BENCH,
    "write_back": BENCH,
    "neuron_control": CONTROL_BENCH,
}


def test_pot_multiplier(tmp_path):
    parts = {
        f"pot{code_bits}x{planes}": PotMultiplier(code_bits=code_bits, planes=planes, value_bits=value_bits)
        for code_bits, planes, value_bits in MULTIPLIERS
    }
    simulate(parts, BENCH, cwd=tmp_path, given={"multipliers": MULTIPLIERS}, testcase="pot_multiplier")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [*(n for n in SHAPES if n != "large"), pytest.param("large", marks=pytest.mark.slow)])
def test_lanes(shape, case, tmp_path):
    s = structure(shape)
    lanes = LaneArray(structure=s)
    latency = 2 if shape == "least" else lanes.latency + LifArray.latency
    parts = {
        "lanes": lanes,
        "lif": LifArray(structure=s),
        "capture": ResidualCapture(structure=s, latency=latency),
        "writeback": WriteBack(structure=s),
        "neurons": NeuronControl(structure=s),
    }
    given = {"structure": s.to_dict(), "capture_latency": latency}
    simulate(parts, CASES[case], cwd=tmp_path, given=given, testcase=case, roms=neuron_roms(s))
