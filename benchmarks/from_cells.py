"""What all rows of the compression figures share: cells of all folds, paired differences in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import compress
from typing import Any

from cells import CELLS
from protocol import Answer, paired, read_cell, unseen
from results import Row

#: What :func:`protocol.paired` finds; ``apart``: the difference on the digits that no setting was chosen on.
Found = dict[str, float | bool]


@cache
def _key(name: str, fold: int) -> str:
    return CELLS[name].key(fold)


def gathered(name: str) -> list[Answer] | None:
    """A cell on all its folds, each with its number, or None where one is missing."""
    found = {fold: read_cell(name, fold, _key(name, fold)) for fold in CELLS[name].folds}
    cells = [cell | {"fold": fold} for fold, cell in found.items() if cell is not None]
    return cells if len(cells) == len(found) else None


def seeds(names: str) -> str:
    """Folds of cells and their seeds, for the table."""
    name = names.split()[0]
    folds, found = CELLS[name].folds, gathered(name) or []
    version = ", ".join(str(version) for version in sorted({cell["version"] for cell in found}))
    return f"folds {folds[0]} to {folds[-1]}, seeds {folds[0] + 1} to {folds[-1] + 1}, training {version}"


def compared(
    base: Sequence[Answer], answers: Callable[[Answer], list[int]], dense: Callable[[Answer], list[int]] | None = None
) -> Found:
    """Paired difference of what each cell answers to its dense teacher, or to ``dense``."""
    other = dense or (lambda cell: cell["dense"])
    whole = [other(c) for c in base], [answers(c) for c in base], [c["labels"] for c in base]
    masks = [unseen(c["fold"]) for c in base]
    rest = [[list(compress(part, mask)) for part, mask in zip(parts, masks, strict=True)] for parts in whole]
    return paired(*whole) | {"apart": paired(*rest)["difference"]}


def command(names: str) -> str:
    """What computes cells, named with a space between them, anew on all their folds, and draws the rows."""
    cells = " ".join(f"--cell {name}" for name in names.split())
    return f"python benchmarks/compression.py --again {cells} && python benchmarks/run.py compression"


def reported(names: str, key: str, value: Any, unit: str, note: str) -> Row:
    """A figure of cells without a bar."""
    return Row(f"3.{key}", command(names), value, unit, "reported", None, seeds(names), note)


def with_bar(names: str, key: str, value: float, unit: str, bar: str, met: bool, note: str = "") -> Row:
    """A figure of cells that is to reach something."""
    return Row(f"3.{key}", command(names), value, unit, bar, met, seeds(names), note)


def one_version(cells: Sequence[Answer], others: Sequence[Answer]) -> None:
    """Ends the program where two cells of a fold are held against each other that were trained otherwise."""
    for cell, one in zip(cells, others, strict=True):
        versions = {found["version"] for found in (cell, one) if "version" in found}
        if len(versions) > 1:
            sys.exit(f"error: cells of fold {cell['fold']} are compared, but versions {versions} trained them")


def against(cells: Sequence[Answer], others: Sequence[Answer]) -> list[Answer]:
    """Cells, each with the classes of another as what :func:`other` tells."""
    one_version(cells, others)
    return [cell | {"other": one["classes"]} for cell, one in zip(cells, others, strict=True)]


def other(cell: Answer) -> list[int]:
    """The classes that :func:`against` put beside a cell's own."""
    found: list[int] = cell["other"]
    return found


def said(found: Found) -> str:
    """A paired difference in words."""
    return (
        f"{found['accuracy']} % against {found['dense']} %: {found['difference']:+} points "
        f"[{found['low']}, {found['high']}], one-sided bound {found['bound']}; "
        f"{found['apart']:+} on the digits that no setting was chosen on"
    )


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def three(compressions: Sequence[dict[str, float]]) -> str:
    """The three compressions in words, the mean of the folds."""
    found = {name: round(mean([one[name] for one in compressions]), 2) for name in ("bits", "weights", "stored")}
    return f"compression {found['bits']}x by bits, {found['weights']}x by weights, {found['stored']}x by stored bits"


def joined(base: Sequence[Answer], others: Sequence[Answer]) -> list[Answer]:
    """Cells with the teacher and the labels of the cells that trained it."""
    one_version(base, others)
    return [other | {key: cell[key] for key in ("labels", "dense")} for cell, other in zip(base, others, strict=True)]
