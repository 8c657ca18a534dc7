"""The way of a weight, ROM to request, against the models of its components."""

from pathlib import Path

import pytest
from structures import SHAPES, simulate, structure, weight_roms

from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.issue import Issue
from spikewright.hdl.nest import LoopNest
from spikewright.hdl.silence import SilenceFilter

BENCH = Path(__file__).with_name("fetch_bench.py")


@pytest.mark.parametrize("case", ["loop_nest", "weight_fetch", "silence_filter", "issue"])
@pytest.mark.parametrize("shape", [*(n for n in SHAPES if n != "large"), pytest.param("large", marks=pytest.mark.slow)])
def test_fetch(shape, case, tmp_path):
    s = structure(shape)
    parts = {
        "nest": LoopNest(structure=s),
        "fetch": WeightFetch(structure=s),
        "silence": SilenceFilter(structure=s),
        "issue": Issue(structure=s),
    }
    simulate(parts, BENCH, cwd=tmp_path, given={"structure": s.to_dict()}, testcase=case, roms=weight_roms(s))
