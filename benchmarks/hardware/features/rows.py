"""LUT of each feature by its flag, on a small structure; cycles of the reference package with and without it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from statistics import mean

from benchmarks.common import command
from benchmarks.hardware.features.serial_leak import SerialLeak
from benchmarks.hardware.features.variants import VARIANTS, with_feature
from benchmarks.hardware.reference_build import BANKS, LANES, PACKAGE, STREAMS, WORK
from benchmarks.results import Row
from spikewright.boards.families.ecp5 import FAMILY
from spikewright.boards.netlist import make_netlist
from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import FLAGS, Shape, Structure
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.models.package import read_package

COMMAND = command("features")
#: Mapped as a whole, an engine scatters by 150 LUT for reasons that mean nothing: the mean over several tells more.
SMALL = tuple(Shape(tokens=4, steps=4, banks=banks) for banks in (1, 2, 3, 4))
#: ENGINE.md's column: what its authors expected, [M] measured on a prototype, [E] estimated.
EXPECTED = {
    "leaks": "68 LUT a slot [M] for one bit a cycle",
    "frames": "200 LUT [E]",
    "second": "256 LUT a sequencer [M]",
    "counting": "384 LUT a bank [M]",
    "value_channels": "a descriptor field",
}


def rows() -> list[Row]:
    """A row a flag, and the leak product beside one that takes a bit of the leak a cycle."""
    folder = WORK / "features"
    package = read_package(PACKAGE)
    plain = [compile_package(package, shape).structure for shape in SMALL]
    assert not any(getattr(structure, flag) for structure in plain for flag in FLAGS), "the reference has no feature"
    without = [_lut(Accelerator(structure=structure), folder / "none") for structure in plain]
    shape = Shape(LANES // package.network.steps, package.network.steps, BANKS, STREAMS)
    cycles = sum(compile_package(package, shape).predicted_cycles)
    found = []
    for flag in FLAGS:
        flagged = [dataclasses.replace(structure, **{flag: 1}) for structure in plain]
        more = [_lut(Accelerator(structure=structure), folder / flag) - lut
                for structure, lut in zip(flagged, without, strict=True)]  # fmt: skip
        value: dict[str, int] = {"lut": round(mean(more)), "of": round(mean(without))}
        if flag in VARIANTS:
            there = sum(compile_package(with_feature(package, flag), shape).predicted_cycles)
            value |= {"cycles": there - cycles, "of_cycles": cycles}
        found.append(Row(f"hw.feature-{flag}", COMMAND, value, "more LUT, more cycles of the reference package",
                         note=_note(plain[0], flag, more)))  # fmt: skip
        print(f"  {flag}: {value}", flush=True)
    tree = next(row.value["lut"] for row in found if row.id == "hw.feature-leaks") / plain[0].shape.tokens
    serial = _lut(SerialLeak(width=plain[0].membrane_bits), folder / "serial")
    return [
        *found,
        Row("hw.leak-product", COMMAND, {"tree": round(tree), "serial": serial}, "LUT a token slot",
            note=f"{plain[0].membrane_bits}-bit membranes; tree: what the flag adds to the accelerator, a step every 2 "
            "cycles; serial: a unit that takes one bit of the leak a cycle, alone, a step every 5 cycles"),
    ]  # fmt: skip


def _note(structure: Structure, flag: str, more: list[int]) -> str:
    banks = ", ".join(str(shape.banks) for shape in SMALL)
    expected = f"; expected: {EXPECTED[flag]}" if flag in EXPECTED else ""
    return (
        f"mean of {', '.join(map(str, more))}, synthesised for {SMALL[0].lanes} lanes, {banks} banks, 1 stream, "
        f"{structure.membrane_bits}-bit membranes, memories apart{expected}"
    )


def _lut(component: Accelerator | SerialLeak, folder: Path) -> int:
    """LUTs of a component: look-up tables, two for each carry cell and each cell of distributed RAM."""
    source = elaborate(component, "unit", folder)
    memories = memory_sources() if isinstance(component, Accelerator) else []
    cells = make_netlist("unit", [source], memories, folder / "netlist", FAMILY).cell_count
    return cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0) + 2 * cells.get("TRELLIS_DPR16X4", 0)
