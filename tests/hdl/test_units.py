"""Attention unit, mover, token selector, pixel loader, program memory and results, against their models."""

from pathlib import Path

import pytest
from cases import ALL_SHAPES
from structures import built_for, contents, hex_text, mover_roms, pixel_roms, simulate, structure

from spikewright.compiler.target.structure import WORD_BITS
from spikewright.hdl.attention import AttentionUnit
from spikewright.hdl.frames import FramePlacement
from spikewright.hdl.loader import PixelLoader
from spikewright.hdl.mover import Mover
from spikewright.hdl.program import ProgramMemory
from spikewright.hdl.results import Results
from spikewright.hdl.selector import TokenSelector

UNITS = Path(__file__).with_name("units_bench.py")
PROGRAM = Path(__file__).with_name("program_bench.py")

CASES = {
    "attention_unit": UNITS,
    "mover": UNITS,
    "token_selector": UNITS,
    "frame_placement": UNITS,
    "pixel_loader": UNITS,
    "program_memory": PROGRAM,
    "results": PROGRAM,
}
KINDS = {
    "attention": AttentionUnit,
    "mover": Mover,
    "selector": TokenSelector,
    "frames": FramePlacement,
    "loader": PixelLoader,
    "program": ProgramMemory,
    "results": Results,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_units(shape, case, tmp_path):
    s = structure(shape)
    program = contents("program", WORD_BITS, s.program_depth)
    roms = mover_roms(s) | pixel_roms(s) | {"program.hex": hex_text(program, WORD_BITS, s.program_depth)}
    given = {"structure": s.to_dict()}
    simulate(built_for(shape, **KINDS), CASES[case], cwd=tmp_path, given=given, testcase=case, roms=roms)
