"""Memories against their models, several sizes."""

from pathlib import Path

import pytest
from structures import SHAPES, contents, hex_text, simulate, structure

from spikewright.hdl.attention import ProductMemory
from spikewright.hdl.memory import Bank, Rom, RomStream
from spikewright.hdl.silence import LiveMemory
from spikewright.hdl.spikes import SpikeMemory

BENCH = Path(__file__).with_name("memory_bench.py")

ROMS = [(1, 1), (13, 100), (64, 33), (36, 512)]
BANKS = [("bank", 1, 2), ("bank", 15, 77), ("bank", 128, 64), ("table", 9, 50), ("table", 33, 7)]
STREAMS = [(1, 3), (13, 100), (71, 20)]


@pytest.mark.parametrize("case", ["rom", "bank", "rom_stream"])
def test_memories_of_any_size(case, tmp_path):
    parts, roms = {}, {}
    for width, depth in ROMS:
        name = f"rom{width}x{depth}"
        parts[name] = Rom(width=width, depth=depth, file=f"{name}.hex")
        roms[f"{name}.hex"] = hex_text(contents(name, width, depth), width, depth)
    for kind, width, depth in BANKS:
        name = f"{kind}{width}x{depth}"
        parts[name] = Bank(width=width, depth=depth, file=f"{name}.hex" if kind == "table" else None)
        if kind == "table":
            roms[f"{name}.hex"] = hex_text(contents(name, width, depth), width, depth)
    for width, depth in STREAMS:
        name = f"stream{width}x{depth}"
        parts[name] = RomStream(width=width, depth=depth, file=f"{name}.hex")
        roms[f"{name}.hex"] = hex_text(contents(name, width, depth), width, depth)
    given = {"roms": ROMS, "banks": BANKS, "streams": STREAMS}
    simulate(parts, BENCH, cwd=tmp_path, given=given, testcase=case, roms=roms)


@pytest.mark.parametrize("case", ["live_memory", "spike_memory", "product_memory"])
@pytest.mark.parametrize("shape", [*(n for n in SHAPES if n != "large"), pytest.param("large", marks=pytest.mark.slow)])
def test_memories_of_a_structure(shape, case, tmp_path):
    s = structure(shape)
    live_ports = 3 if shape == "odd" else 2
    parts = {
        "live": LiveMemory(structure=s, ports=live_ports),
        "spikes": SpikeMemory(structure=s),
        "products": ProductMemory(structure=s),
    }
    simulate(parts, BENCH, cwd=tmp_path, given={"structure": s.to_dict(), "live_ports": live_ports}, testcase=case)
