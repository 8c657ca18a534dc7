"""Rows of the house: what a change of its plan left equal, and how small and how straight it is."""

from __future__ import annotations

import re
import sys
from statistics import median

from benchmarks.common import ROOT, command
from benchmarks.house.two_sides import COMMIT, Difference, differences
from benchmarks.results import Row

COMMAND = command("house")
#: What a page adds, and the most files that it may touch.
ADDITIONS = {
    "op-files": ("docs/add-an-op.md", "an op without weights, from package to RTL", 7),
    "board-files": ("docs/add-a-board.md", "a board of a known family", 1),
    "family-files": ("docs/add-a-board.md", "a board and its new family", 2),
}


def rows() -> list[Row]:
    """All rows but those of the test suite, which takes half an hour."""
    return [*equal_rows(differences()), *import_rows(), *size_rows(), *addition_rows()]


def equal_rows(sides: list[Difference]) -> list[Row]:
    """Whether the committed packages compile and compute as before."""
    names = ", ".join(side.package for side in sides)
    before = f"{names}; the side before is commit {COMMIT}"
    files = sum(len(side.files) + len(side.program) for side in sides)
    kinds = sum(len(side.cells) for side in sides)
    counters = sum(not side.counters for side in sides)
    return [
        Row("house.equal-files", COMMAND, files, "ROM images, structures, IRs and parts of programs that differ", "0",
            files == 0, note=before),
        Row("house.equal-cells", COMMAND, kinds, "kinds of cells (type and width) whose number differs", "0",
            kinds == 0, note=f"{sum(side.cell_count for side in sides)} cells after proc, flatten, opt -full"),
        Row("house.equal-traces", COMMAND, sum(side.different for side in sides), "records of the traces that differ",
            "0", not any(side.different for side in sides),
            note=f"{sum(side.values for side in sides)} bits, all {sides[0].images} test images of each package"),
        Row("house.equal-counters", COMMAND, counters, "packages whose cycles, pairs or scores differ", "0",
            counters == 0, note="every descriptor of every image"),
    ]  # fmt: skip


def import_rows() -> list[Row]:
    """Edges between rooms, and circles between files; tests/packaging/test_rooms.py holds them."""
    sys.path.append(str(ROOT / "tests" / "packaging"))
    from import_graph import GRAPH, circle, edges_between_parts, edges_to_the_right

    right, parts, way = edges_to_the_right(), edges_between_parts(), circle()
    edges = f"{sum(map(len, GRAPH.values()))} imports of {len(GRAPH)} files"
    return [
        Row("house.back-edges", COMMAND, len(right), "imports of a room that is not to the left", "0", not right,
            note=edges),
        Row("house.part-edges", COMMAND, len(parts), "imports of a part of the same room that is not to the left", "0",
            not parts, note=edges),
        Row("house.circles", COMMAND, int(bool(way)), "circles between files", "0", not way, note=" -> ".join(way)),
    ]  # fmt: skip


def size_rows() -> list[Row]:
    """Lines of the rooms' files, and files that know a vendor."""
    from import_graph import MODULES

    lines = sorted(len(file.read_text().splitlines()) for file in MODULES.values())
    middle = int(median(lines))
    words = re.compile(r"ecp5|lattice|trellis|DP16KD|CCU2C|EHXPLL", re.IGNORECASE)
    vendor = sorted(file.name for file in MODULES.values() if words.search(file.read_text()))
    elsewhere = [name for name in vendor if name != "ecp5.py"]
    return [
        Row("house.largest-file", COMMAND, lines[-1], "lines", "at most 400", lines[-1] <= 400,
            note=f"{len(lines)} files, {sum(lines)} lines"),
        Row("house.median-file", COMMAND, middle, "lines", "at most 120", middle <= 120),
        Row("house.vendor-files", COMMAND, len(elsewhere), "files with an ECP5 word outside its family's", "0",
            not elsewhere, note="tests/packaging/test_rooms.py; board files name their family"),
    ]  # fmt: skip


def addition_rows() -> list[Row]:
    """Files that additions touch, tests and docs aside; a test of the same name does each addition."""
    counted = []
    for key, (page, what, bar) in ADDITIONS.items():
        text = (ROOT / page).read_text()
        names = re.findall(r"^## `([^`]+)`$", text, re.MULTILINE)
        if key == "board-files":
            names = names[:1]
        elif key == "family-files":
            names = names[1:]
        counted.append(
            Row(f"house.{key}", COMMAND, len(names), f"files for {what}", f"at most {bar}", 0 < len(names) <= bar,
                note=", ".join(names))
        )  # fmt: skip
    return counted
