"""What all rows of compression share: cells of all folds, their paired differences, and figures of them as rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import compress
from typing import Any

from benchmarks.common import command
from benchmarks.compression.cells import CELLS
from benchmarks.compression.protocol import Answer, paired, read_cell, unseen
from benchmarks.results import Row

#: What :func:`protocol.paired` computes; ``unseen``: the difference on the digits that no setting was chosen on.
Difference = dict[str, float | bool]
#: The classes that a cell holds of some network of it.
ClassesOf = Callable[[Answer], list[int]]


@cache
def _key(name: str, fold: int) -> str:
    return CELLS[name].key(fold)


def all_folds(name: str) -> list[Answer] | None:
    """A cell on all its folds, each with its number, or None where one is missing."""
    by_fold = {fold: read_cell(name, fold, _key(name, fold)) for fold in CELLS[name].folds}
    cells = [cell | {"fold": fold} for fold, cell in by_fold.items() if cell is not None]
    return cells if len(cells) == len(by_fold) else None


def seeds(names: str) -> str:
    """Folds of cells and their seeds, for the table."""
    name = names.split()[0]
    folds, cells = CELLS[name].folds, all_folds(name) or []
    versions = ", ".join(str(version) for version in sorted({cell["version"] for cell in cells}))
    return f"folds {folds[0]} to {folds[-1]}, seeds {folds[0] + 1} to {folds[-1] + 1}, training {versions}"


def dense_classes(cell: Answer) -> list[int]:
    """The classes of a cell's dense teacher."""
    classes: list[int] = cell["dense"]
    return classes


def compared(cells: Sequence[Answer], classes: ClassesOf, control: ClassesOf = dense_classes) -> Difference:
    """Paired difference of two networks of each cell.

    classes: of the network that is judged
    control: classes of what it is held against
    """
    folds = [control(c) for c in cells], [classes(c) for c in cells], [c["labels"] for c in cells]
    masks = [unseen(c["fold"]) for c in cells]
    rest = [[list(compress(fold, mask)) for fold, mask in zip(part, masks, strict=True)] for part in folds]
    return paired(*folds) | {"unseen": paired(*rest)["difference"]}


def training(names: str) -> str:
    """What trains cells, named with a space between them, anew on all their folds, and draws the rows."""
    cells = " ".join(f"--cell {name}" for name in names.split())
    return f"{command('cells')} --again {cells} && {command('compression')}"


def reported(names: str, key: str, value: Any, unit: str, note: str) -> Row:
    """A figure of cells without a bar."""
    return Row(f"compress.{key}", training(names), value, unit, "reported", None, seeds(names), note)


def with_bar(names: str, key: str, value: float, unit: str, bar: str, met: bool, note: str = "") -> Row:
    """A figure of cells that is to reach something."""
    return Row(f"compress.{key}", training(names), value, unit, bar, met, seeds(names), note)


def one_version(cells: Sequence[Answer], controls: Sequence[Answer]) -> None:
    """Ends the program where two cells of a fold are held against each other that were trained otherwise."""
    for cell, control in zip(cells, controls, strict=True):
        versions = {one["version"] for one in (cell, control) if "version" in one}
        if len(versions) > 1:
            sys.exit(f"error: cells of fold {cell['fold']} are compared, but versions {versions} trained them")


def against(cells: Sequence[Answer], controls: Sequence[Answer]) -> list[Answer]:
    """Cells, each with the classes of its control, for :func:`control_classes`."""
    one_version(cells, controls)
    return [cell | {"control": control["classes"]} for cell, control in zip(cells, controls, strict=True)]


def control_classes(cell: Answer) -> list[int]:
    """The classes that :func:`against` put beside a cell's own."""
    classes: list[int] = cell["control"]
    return classes


def own_classes(cell: Answer) -> list[int]:
    """The classes of a cell of one network."""
    classes: list[int] = cell["classes"]
    return classes


def with_teacher(teachers: Sequence[Answer], cells: Sequence[Answer]) -> list[Answer]:
    """Cells with the dense classes and the labels of the cells that trained the teacher."""
    one_version(teachers, cells)
    return [
        cell | {key: teacher[key] for key in ("labels", "dense")} for teacher, cell in zip(teachers, cells, strict=True)
    ]


def in_words(difference: Difference) -> str:
    """A paired difference, as notes say it."""
    return (
        f"{difference['accuracy']} % against {difference['dense']} %: {difference['difference']:+} points "
        f"[{difference['low']}, {difference['high']}], one-sided bound {difference['bound']}; "
        f"{difference['unseen']:+} on the digits that no setting was chosen on"
    )


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def compression_in_words(compressions: Sequence[dict[str, float]]) -> str:
    """The three compressions, as notes say them, the mean of the folds."""
    times = {name: round(mean([one[name] for one in compressions]), 2) for name in ("bits", "weights", "stored")}
    return f"compression {times['bits']}x by bits, {times['weights']}x by weights, {times['stored']}x by stored bits"
