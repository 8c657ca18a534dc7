"""Rooms import to the left only, no two files import each other, and nothing is known by a bare room name."""

import ast
import re
import sys

import pytest
from import_graph import (
    GRAPH,
    LEAVES,
    MODULES,
    ROOMS,
    ROOT,
    circle,
    edges_between_parts,
    edges_to_the_right,
    files_of,
    imports,
    place_of,
)

#: Packages that a room must do without.
FOREIGN = {
    **{leaf: {"torch", "amaranth"} for leaf in LEAVES},
    "compiler": {"torch", "amaranth"},
    "hdl": {"torch"},
    "boards": {"torch"},
}
#: Links to what ships with the rooms and holds no module of theirs.
SHIPPED = {"examples", "packages"}
#: Words of a vendor, and the only source files that may say them.
VENDOR = re.compile(r"ecp5|lattice|trellis|DP16KD|CCU2C|EHXPLL", re.IGNORECASE)
MAY_SAY = re.compile(r"boards/families/ecp5\.py|boards/[^/]+\.yaml")


def test_every_file_belongs_to_a_room():
    tops = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}  # which ships nothing
    assert tops == {"cost", *ROOMS, "spikewright"}
    links = {link.name for link in (ROOT / "spikewright").iterdir() if link.is_symlink()}
    assert links == {"cost", *ROOMS, *SHIPPED}
    assert {place_of(module) for module in MODULES} == {*LEAVES, *ROOMS, "spikewright"}


def test_imports_go_left():
    assert not edges_to_the_right()


def test_parts_of_a_room_import_left():
    assert not edges_between_parts()


def test_the_accelerator_knows_the_target_only():
    for module, names in GRAPH.items():
        if module.startswith("spikewright.hdl"):
            wrong = [n for n in names if n.startswith("spikewright.compiler.") and ".compiler.target" not in n]
            assert not wrong, f"{module} imports {wrong}"


def test_no_circle():
    assert not circle()


@pytest.mark.parametrize("room", FOREIGN)
def test_foreign_packages(room):
    used = {name.partition(".")[0] for file in files_of(room) for name in imports(file)}
    assert not used & FOREIGN[room]


def test_one_file_knows_a_vendor():
    sources = [file for place in ("cost", *ROOMS, "spikewright") for file in (ROOT / place).rglob("*")]
    files = {
        str(file.relative_to(ROOT))
        for file in sources
        if file.suffix in (".py", ".v", ".sv", ".yaml") and not any(part.is_symlink() for part in file.parents)
        if VENDOR.search(file.read_text())
    }
    assert {name for name in files if not MAY_SAY.fullmatch(name)} == set()
    assert "boards/families/ecp5.py" in files


def test_rooms_have_one_name():
    """Nothing imports ``compiler`` for ``spikewright.compiler``: a class would be there twice."""
    bare = {
        f"{file}: {name}"
        for place in ("cost", *ROOMS, "spikewright", "tests", "benchmarks", "examples")
        for file in files_of(place)
        for name in imports(file)
        if name.partition(".")[0] in {"cost", *ROOMS}
    }
    assert not bare
    loaded = {name for name in sys.modules if name.partition(".")[0] in {"cost", *ROOMS}}
    assert not loaded


def test_a_class_name_has_one_meaning():
    """But for what mirrors an op: its module in PyTorch, its unit in hardware."""
    files: dict[str, list[str]] = {}
    for module, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(module)
    mirrored = {"Attention", "Head", "TokenSelector"}
    assert {name: where for name, where in files.items() if len(where) > 1 and name not in mirrored} == {}


def test_files_are_small():
    lines = sorted(len(file.read_text().splitlines()) for file in MODULES.values())
    assert lines[-1] <= 400
    assert lines[len(lines) // 2] <= 120
