"""A bench that gets a deliberately broken component fails, and says what was expected."""

import re
from pathlib import Path

import pytest
from structures import SHAPES, harness, simulate, structure

from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray
from spikewright.hdl.selector import TokenSelector
from spikewright.sim.verilator.run import BenchError

HERE = Path(__file__).parent


def replaced(pattern, replacement):
    """An edit of the generated Verilog: all places of a regular expression, one at least."""
    return lambda text: re.sub(pattern, replacement, text)


FAULTS = {
    # u ≥ threshold + 1, that is u > threshold, where it should be u ≥ threshold
    "lif compares with >": (
        "lif",
        LifArray,
        "lanes_bench.py",
        "lif_array",
        replaced(r"\(lif__threshold\)", "(lif__threshold + 14'h1)"),
        r"(spike|membrane) of token \d.*: expected",
    ),
    # lane 3 never sees the spikes of bank 0
    "a lane ignores a bit": (
        "lanes",
        LaneArray,
        "lanes_bench.py",
        "lane_array",
        replaced(r"\.words__0\(lanes__words__0\)", ".words__0(lanes__words__0 & 8'hf7)"),
        r"cycle \d+: expected",
    ),
    # a token that ties with the least kept score is kept although enough are
    "selector keeps every tie": (
        "selector",
        TokenSelector,
        "units_bench.py",
        "token_selector",
        replaced(r"(module \\dut\.selector (?:.|\n)*?assign \S+ +=[^;]*) > ([^;]*;)", r"\1 >= \2"),
        r"tokens, kept: expected",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_reported(fault, tmp_path):
    name, component, bench, case, edit, message = FAULTS[fault]
    s = structure("even")
    broken = harness({name: component(structure=s)}, edit)
    with pytest.raises(BenchError, match=message) as caught:
        simulate(broken, HERE / bench, cwd=tmp_path, given={"structure": s.to_dict()}, testcase=case)
    assert "seed 1" in str(caught.value)


def test_the_seed_decides_the_stimulus(tmp_path):
    """Other seeds pass too, and the log names them."""
    s = structure("even")
    lanes = harness({"lanes": LaneArray(structure=s)})
    for seed in (2, 12345):
        results = simulate(
            lanes,
            HERE / "lanes_bench.py",
            cwd=tmp_path / str(seed),
            given={"structure": s.to_dict()},
            testcase="lane_array",
            seed=seed,
        )
        assert f"seed {seed}" in results.log.read_text()


def test_shapes_are_the_sizes_that_matter():
    """Tokens not a power of two, 1 and 3 banks, 2 streams, 2 and 8 planes, with and without skipping."""
    shapes = [structure(name) for name in SHAPES]
    assert any(s.shape.tokens & (s.shape.tokens - 1) for s in shapes)
    assert {1, 2, 3, 8} == {s.shape.banks for s in shapes}
    assert {1, 2} == {s.shape.streams for s in shapes}
    assert {2, 8} <= {s.planes for s in shapes}
    assert {True, False} == {s.shape.skip for s in shapes}
