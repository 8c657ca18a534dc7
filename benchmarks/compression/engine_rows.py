"""Rows of what is made for the engine: bank-balanced masks, a stream that saturates, counts that fill words.

What saturation gains in cycles is measured (``benchmarks/hardware/methods.py``): its cells are older than its hardware.
"""

from __future__ import annotations

from benchmarks.compression.comparisons import (
    against,
    all_folds,
    compared,
    control_classes,
    in_words,
    mean,
    reported,
    with_teacher,
)
from benchmarks.compression.protocol import Answer
from benchmarks.results import Row

#: Cells and their cases.
CASES = {"balanced": ("8", "10"), "clip": ("clip",), "fill": ("fill",)}


def rows() -> list[Row]:
    """Every row whose cells are there: the price in accuracy, the gain in predicted cycles."""
    teachers = all_folds("lottery")
    if teachers is None:
        return []
    result: list[Row] = []
    for name, cases in CASES.items():
        cells = all_folds(name)
        if cells is not None:
            result += [row for case in cases for row in _pair(name, case, with_teacher(teachers, cells))]
    clip, longer = all_folds("clip"), all_folds("longer")
    if clip is not None and longer is not None:
        both = against(with_teacher(teachers, clip), longer)
        gain = compared(both, lambda cell: cell["clip"]["classes"], control_classes)
        what = "points of the same, trained 30 epochs longer than the teacher, over the dense network finished for 75"
        result.append(reported("clip", "clip-against-dense-finished", gain["difference"], what, in_words(gain)))
    return result


def _pair(name: str, case: str, cells: list[Answer]) -> list[Row]:
    """Of a cell's case: ``classes`` and ``cycles`` of it and, as ``plain``, of what it is compared with."""
    label = name if name == case else f"{name}-{case}"
    price = compared(cells, lambda cell: cell[case]["classes"], lambda cell: cell[case]["plain"]["classes"])
    cycles = round(mean([cell[case]["cycles"] for cell in cells]))
    plain_cycles = round(mean([cell[case]["plain"]["cycles"] for cell in cells]))
    what = cells[0][case]["what"]
    accuracy = reported(name, f"{label}-accuracy", price["difference"], f"points by {what}", in_words(price))
    if name == "clip":
        return [accuracy]
    return [
        accuracy,
        reported(name, f"{label}-cycles", round(plain_cycles / cycles, 3), f"x fewer cycles by {what}",
                 f"{cycles} against {plain_cycles} predicted, {cells[0][case]['shape']}, skipping off"),
    ]  # fmt: skip
