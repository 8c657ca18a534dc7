"""Rows of tokens, lottery, neurons that learn and the search in one recipe."""

from __future__ import annotations

from benchmarks.compression.comparisons import (
    against,
    all_folds,
    compared,
    compression_in_words,
    control_classes,
    in_words,
    mean,
    own_classes,
    reported,
    with_teacher,
)
from benchmarks.results import Row

CELL = "together"


def rows() -> list[Row]:
    """Every row whose cells are there."""
    teachers, cells = all_folds("lottery"), all_folds(CELL)
    if teachers is None or cells is None:
        return []
    both = with_teacher(teachers, cells)
    loss = compared(both, own_classes)
    compressions = [cell["compression"] for cell in cells]
    result = [
        reported(CELL, "together-accuracy", loss["difference"], "points, all four in one recipe", in_words(loss)),
        reported(CELL, "together-compression", round(mean([one["stored"] for one in compressions]), 2),
                 "x fewer stored bits", f"{compression_in_words(compressions)}, counted by the compiler"),
    ]  # fmt: skip
    longer = all_folds("longer")
    if longer is not None:
        gain = compared(against(both, longer), own_classes, control_classes)
        what = "points, all four in one recipe against the dense network finished for 75 epochs"
        result.append(reported(CELL, "together-against-dense-finished", gain["difference"], what, in_words(gain)))
    return result
