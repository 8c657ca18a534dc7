"""No room imports from a room to its right; the compiler knows neither torch nor Amaranth."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("models", "compress", "compiler", "hdl", "boards", "sim")
#: Leaves that every room may use, and where they are: they import no room.
LEAVES = {"spikewright.cost": "spikewright/cost", "spikewright.toolchain": "spikewright/toolchain.py"}
#: Packages that a room must do without.
FOREIGN = {"compiler": {"torch", "amaranth"}, "hdl": {"torch"}, "boards": {"torch"}}


def imports(file: Path) -> Iterator[str]:
    """Absolute names of everything a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_leaf(name: str) -> bool:
    return any(name == leaf or name.startswith(f"{leaf}.") for leaf in LEAVES)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_left(room):
    allowed = ROOMS[: ROOMS.index(room) + 1]
    wrong = []
    for file in sorted((ROOT / room).rglob("*.py")):
        for name in imports(file):
            top, _, rest = name.partition(".")
            inside = top == "spikewright" and rest and not is_leaf(name) and rest.split(".")[0] not in allowed
            if (inside and not any(leaf.startswith(f"{name}.") for leaf in LEAVES)) or top in FOREIGN.get(room, ()):
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
            if top in ROOMS:
                wrong.append(f"{file.relative_to(ROOT)} imports {name} without spikewright.")
    assert not wrong, wrong


@pytest.mark.parametrize("leaf", LEAVES)
def test_leaves_import_no_room(leaf):
    place = ROOT / LEAVES[leaf]
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files
    names = [name for file in files for name in imports(file)]
    wrong = [n for n in names if n.startswith("spikewright.") and not is_leaf(n)]
    wrong += [n for n in names if n.partition(".")[0] in ("torch", "amaranth")]
    assert not wrong, wrong
