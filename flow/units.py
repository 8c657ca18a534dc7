"""Units of the accelerator: which of them a cell of the netlist is of, by the modules of its Verilog."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_MODULE = re.compile(r"^module \\?(accelerator\.(?:engine\.)?([^.\s(]+))[\s(]", re.MULTILINE)
#: What yosys and nextpnr put before the name of the module ``accelerator`` and of all that is in it.
_INSTANCE = "linked_accelerator_"
#: What belongs to no module: the accelerator's own logic, and what stands around it.
CONTROL, BOARD, UNNAMED = "control", "serial link and clock", "carry and constants"


def units(verilog: Path) -> Callable[[str], str]:
    """The unit of a cell by the cell's hierarchical name: a child of the accelerator or of its engine.

    Units of one kind are one (``lanes0`` and ``lanes1`` are ``lanes``); the tools write a dot of a name as ``_`` where
    they flatten a signal.
    """
    found = {flat(path) + "_": kind(name) for path, name in _MODULE.findall(verilog.read_text())}
    longest = sorted(found, key=len, reverse=True)

    def unit(cell: str) -> str:
        name = flat(cell)
        if name.startswith("$"):
            return UNNAMED
        if not name.startswith(_INSTANCE):
            return BOARD
        inner = name.removeprefix(_INSTANCE)
        return next((found[prefix] for prefix in longest if inner.startswith(prefix)), CONTROL)

    return unit


def flat(name: str) -> str:
    return name.replace(".", "_")


def kind(name: str) -> str:
    return re.sub(r"\d*(\$\d+)?$", "", name)
