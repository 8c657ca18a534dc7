"""Memories against their models, several sizes."""

from functools import cache
from pathlib import Path

import pytest
from cases import ALL_SHAPES
from structures import contents, harness, hex_text, simulate, structure

from spikewright.hdl.attention import ProductMemory
from spikewright.hdl.memory import Bank, Rom, RomStream
from spikewright.hdl.silence import LiveMemory
from spikewright.hdl.spikes import SpikeMemory

BENCH = Path(__file__).with_name("memory_bench.py")

ROMS = [(1, 1), (13, 100), (64, 33), (36, 512)]
BANKS = [("bank", 1, 2), ("bank", 15, 77), ("bank", 128, 64), ("table", 9, 50), ("table", 33, 7)]
STREAMS = [(1, 3), (13, 100), (71, 20)]


@cache
def built_of_any_size():
    parts = {f"rom{w}x{d}": Rom(width=w, depth=d, file=f"rom{w}x{d}.hex") for w, d in ROMS}
    for kind, w, d in BANKS:
        name = f"{kind}{w}x{d}"
        parts[name] = Bank(width=w, depth=d, file=f"{name}.hex" if kind == "table" else None)
    return harness(
        parts | {f"stream{w}x{d}": RomStream(width=w, depth=d, file=f"stream{w}x{d}.hex") for w, d in STREAMS}
    )


@pytest.mark.parametrize("case", ["rom", "bank", "rom_stream"])
def test_memories_of_any_size(case, tmp_path):
    sizes = [("rom", *size) for size in ROMS] + BANKS + [("stream", *size) for size in STREAMS]
    roms = {}
    for kind, width, depth in sizes:
        name = f"{kind}{width}x{depth}"
        roms[f"{name}.hex"] = hex_text(contents(name, width, depth), width, depth)
    given = {"roms": ROMS, "banks": BANKS, "streams": STREAMS}
    simulate(built_of_any_size(), BENCH, cwd=tmp_path, given=given, testcase=case, roms=roms)


def live_ports(shape):
    return 3 if shape == "odd" else 2


@cache
def built(shape):
    s = structure(shape)
    return harness(
        {
            "live": LiveMemory(structure=s, ports=live_ports(shape)),
            "spikes": SpikeMemory(structure=s),
            "products": ProductMemory(structure=s),
        }
    )


@pytest.mark.parametrize("case", ["live_memory", "spike_memory", "product_memory"])
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_memories_of_a_structure(shape, case, tmp_path):
    given = {"structure": structure(shape).to_dict(), "live_ports": live_ports(shape)}
    simulate(built(shape), BENCH, cwd=tmp_path, given=given, testcase=case)
