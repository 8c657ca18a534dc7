"""What imports what: modules of the project, their rooms, and the edges between them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: In the order in which data walks through them.
ROOMS = ("models", "compress", "compiler", "hdl", "boards", "sim", "flow", "view")
#: The ground floor: what every room may use, and what imports no room.
LEAVES = (
    "cost",
    "spikewright/children.py",
    "spikewright/console.py",
    "spikewright/echo.py",
    "spikewright/errors.py",
    "spikewright/files.py",
    "spikewright/gallery.py",
    "spikewright/locks.py",
    "spikewright/phases.py",
    "spikewright/scratch.py",
    "spikewright/toolchain.py",
)
#: Parts of a room in their order, where it has several: as the rooms, to the left only.
PARTS = {
    "compress": ("methods", "checkpoint", "recipe", "training", "networks", "search", "posttraining", "run"),
    "compiler": ("target", "front", "passes", "lower"),
}


def files_of(place: str) -> list[Path]:
    """Python files of a room, or the leaf itself."""
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def module_of(file: Path) -> str:
    """The name by which a file is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "spikewright" else ("spikewright", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


#: Module → file, of all rooms and the command line.
MODULES = {
    module_of(file): file
    for place in ("cost", *ROOMS, "spikewright")
    for file in files_of(place)
    if not any(part.is_symlink() for part in file.parents)
}
#: File → its room, or the leaf that it is.
PLACES = {file: place for place in (*LEAVES, *ROOMS) for file in files_of(place)}


def imports(file: Path) -> Iterator[str]:
    """Absolute names of everything a file imports, also inside functions and for type checkers only."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(file: Path) -> set[str]:
    """Modules of this project that a file imports."""
    known = set()
    for name in imports(file):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name:
            known.add(name)
    return known


#: Module → the modules that it imports.
GRAPH = {module: modules(file) - {module, "spikewright"} for module, file in MODULES.items()}


def place_of(module: str) -> str:
    """The room of a module, the leaf that it is, or ``spikewright``."""
    return PLACES.get(MODULES[module], "spikewright")


def edges_to_the_right() -> list[str]:
    """Imports of a room that is not to the left, by a room or a leaf."""
    wrong = []
    for module, names in GRAPH.items():
        room = place_of(module)
        if room != "spikewright":
            allowed = {*LEAVES, *ROOMS[: ROOMS.index(room) + 1]} if room in ROOMS else set(LEAVES)
            wrong += [f"{module} imports {name}" for name in sorted(names) if place_of(name) not in allowed]
    return wrong


def edges_between_parts() -> list[str]:
    """Imports of a part of the same room that is not to the left."""
    wrong = []
    for module, names in GRAPH.items():
        _, room, part, *_ = (*module.split("."), "", "")
        parts = PARTS.get(room, ())
        for name in sorted(names) if part in parts else ():
            _, target_room, target, *_ = (*name.split("."), "", "")
            if target_room == room and target not in parts[: parts.index(part) + 1]:
                wrong.append(f"{module} imports {name}")
    return wrong


def circle() -> list[str]:
    """A way from a module to itself, empty where there is none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module not in done:
            for name in sorted(GRAPH[module]):
                if way_back := visit(name, [*way, module]):
                    return way_back
            done.add(module)
        return []

    return next((way for module in sorted(GRAPH) if (way := visit(module, []))), [])
