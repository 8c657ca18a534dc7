"""The way of a weight, ROM to request, against the models of its components."""

from pathlib import Path

import pytest
from cases import ALL_SHAPES
from structures import built_for, simulate, structure, weight_roms

from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.issue import Issue
from spikewright.hdl.nest import LoopNest
from spikewright.hdl.second import SecondBase
from spikewright.hdl.silence import SilenceFilter

BENCH = Path(__file__).with_name("fetch_bench.py")
KINDS = {
    "nest": LoopNest,
    "second": SecondBase,
    "fetch": WeightFetch,
    "silence": SilenceFilter,
    "issue": Issue,
}


@pytest.mark.parametrize("case", ["loop_nest", "second_base", "weight_fetch", "silence_filter", "issue"])
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_fetch(shape, case, tmp_path):
    s = structure(shape)
    given = {"structure": s.to_dict()}
    simulate(built_for(shape, **KINDS), BENCH, cwd=tmp_path, given=given, testcase=case, roms=weight_roms(s))
