"""What all rows of the compression figures share: cells of all folds, paired differences in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress

from cells import CELLS
from protocol import Answer, paired, read_cell, unseen
from results import Row

COMMAND = "python benchmarks/compression.py --all && python benchmarks/run.py compression"
#: What :func:`protocol.paired` finds; ``apart``: the difference on the digits that no setting was chosen on.
Found = dict[str, float | bool]


def gathered(name: str) -> list[Answer] | None:
    """A cell on all its folds, each with its number, or None where one is missing."""
    found = {fold: read_cell(name, fold, CELLS[name].key(fold)) for fold in CELLS[name].folds}
    cells = [cell | {"fold": fold} for fold, cell in found.items() if cell is not None]
    return cells if len(cells) == len(found) else None


def seeds(name: str) -> str:
    """Folds and their seeds, for the table."""
    folds = CELLS[name].folds
    return f"folds {folds[0]} to {folds[-1]}, seeds {folds[0] + 1} to {folds[-1] + 1}"


def compared(
    base: Sequence[Answer], answers: Callable[[Answer], list[int]], dense: Callable[[Answer], list[int]] | None = None
) -> Found:
    """Paired difference of what each cell answers to its dense teacher, or to ``dense``."""
    other = dense or (lambda cell: cell["dense"])
    whole = [other(c) for c in base], [answers(c) for c in base], [c["labels"] for c in base]
    masks = [unseen(c["fold"]) for c in base]
    rest = [[list(compress(part, mask)) for part, mask in zip(parts, masks, strict=True)] for parts in whole]
    return paired(*whole) | {"apart": paired(*rest)["difference"]}


def reported(key: str, value: float, unit: str, of: str, note: str) -> Row:
    """A figure without a bar."""
    return Row(f"3.{key}", COMMAND, value, unit, "reported", None, of, note)


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
    return [other | {key: cell[key] for key in ("labels", "dense")} for cell, other in zip(base, others, strict=True)]
