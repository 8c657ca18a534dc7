"""Arithmetic: multiplier, lanes, neurons and write-back, against their models."""

from functools import cache
from pathlib import Path

import pytest
from cases import ALL_SHAPES
from structures import harness, neuron_roms, simulate, structure

from spikewright.hdl.count import CountingAdder
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.leak import LeakProduct
from spikewright.hdl.lif import LifArray
from spikewright.hdl.neurons import NeuronControl
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.saturation import Saturation
from spikewright.hdl.writeback import ResidualCapture, WriteBack

BENCH = Path(__file__).with_name("lanes_bench.py")
CONTROL_BENCH = Path(__file__).with_name("neurons_bench.py")

#: code bits, planes, value bits: just wide enough for 2^(planes - 1) times the greatest value; whether it is wide
MULTIPLIERS = [(2, 2, 3, False), (3, 5, 8, False), (4, 8, 15, False), (5, 3, 11, False), (8, 8, 16, False)]
MULTIPLIERS += [(6, 3, 34, True)]
CASES = {
    "lane_array": BENCH,
    "lif_array": BENCH,
    "lif_neuron": BENCH,
    "residual_capture": BENCH,
    "leak_product": BENCH,
    "saturation": BENCH,
    "counting_adder": BENCH,
    "write_back": BENCH,
    "neuron_control": CONTROL_BENCH,
}


def test_pot_multiplier(tmp_path):
    parts = {
        f"pot{code_bits}x{planes}": PotMultiplier(code_bits=code_bits, planes=planes, value_bits=value_bits, wide=wide)
        for code_bits, planes, value_bits, wide in MULTIPLIERS
    }
    given = {"multipliers": MULTIPLIERS}
    simulate(harness(parts), BENCH, cwd=tmp_path, given=given, testcase="pot_multiplier")


def capture_latency(shape):
    """That of the engine, and the least."""
    return 2 if shape == "least" else LaneArray(structure=structure(shape)).latency + LifArray.latency


@cache
def built(shape):
    s = structure(shape)
    return harness(
        {
            "lanes": LaneArray(structure=s),
            "lif": LifArray(structure=s),
            "capture": ResidualCapture(structure=s, latency=capture_latency(shape)),
            "leak": LeakProduct(width=s.membrane_bits, most_coarse=s.fraction_bits),
            "saturation": Saturation(lanes=s.shape.lanes, planes=s.residual_planes),
            "counter": CountingAdder(lanes=s.shape.lanes, planes=min(3, s.planes)),
            "writeback": WriteBack(structure=s),
            "neurons": NeuronControl(structure=s),
        }
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_lanes(shape, case, tmp_path):
    s = structure(shape)
    given = {"structure": s.to_dict(), "capture_latency": capture_latency(shape)}
    simulate(built(shape), CASES[case], cwd=tmp_path, given=given, testcase=case, roms=neuron_roms(s))
