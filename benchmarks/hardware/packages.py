"""Every committed package on all its test images: the answers of the RTL, cycles, block RAM, the smallest board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, command
from benchmarks.hardware.reference import compared
from benchmarks.hardware.reference_build import BOARD, WORK
from benchmarks.results import Row, merge
from spikewright.boards.registry import real_boards
from spikewright.compiler.fit import Choice
from spikewright.flow.fitting import fitted
from spikewright.flow.generate import generate
from spikewright.flow.report import Report
from spikewright.models.package import Package

COMMAND = command("packages")
FOLDER = ROOT / "packages"


def rows() -> list[Row]:
    """A row a package, drawn as soon as it is measured."""
    found = []
    for path in sorted(FOLDER.glob("*/package.safetensors")):
        found.append(package_row(path))
        merge(found[-1:])
    return found


def package_row(path: Path) -> Row:
    """As ``make demo MODEL=PACKAGE`` measures it."""
    build = generate(path, BOARD, WORK / "packages" / path.parent.name)
    _, report = compared(build)
    answers = report.accuracy
    assert answers.rtl is not None
    value: dict[str, Any] = {
        "rtl": f"{answers.rtl.correct}/{answers.rtl.count}",
        "cycles": round(report.cycles.per_image),
        "images_per_second": _rate(report),
        "block_ram": sum(build.program["needs"]["block_ram"].values()),
        "smallest": smallest_board(build.package),
    }
    equal = report.bit_exact and answers.rtl == answers.golden == answers.quantised
    shape = report.structure
    return Row(
        f"hw.package-{path.parent.name}", COMMAND, value, f"on {BOARD}",
        "0 mismatches on all test images; right RTL = golden = quantised", equal,
        note=f"{report.mismatches} mismatches in {report.values_compared} values; {shape.lanes} lanes, {shape.banks} "
        f"banks, {shape.streams} stream{'s' if shape.streams > 1 else ''}",
    )  # fmt: skip


def smallest_board(package: Package) -> str:
    """The board with the least block RAM that takes the package."""
    boards = sorted(real_boards(), key=lambda board: (board.resources.block_ram.count, board.name != BOARD))
    return next((board.name for board in boards if isinstance(fitted(package, board), Choice)), "none")


def _rate(report: Report) -> int:
    rate = report.rate.images_per_second
    assert rate is not None
    return round(rate)
