"""Rows of what is made for the engine: bank-balanced masks, a stream that saturates, counts that fill words."""

from __future__ import annotations

from from_cells import compared, gathered, joined, mean, reported, said, seeds
from results import Row


def rows() -> list[Row]:
    """Every row whose cells are there: the price in accuracy, the gain in predicted cycles."""
    base = gathered("lottery")
    result: list[Row] = []
    for name, cases in (("balanced", ("8", "10")), ("clip", ("clip",)), ("fill", ("fill",))):
        cells = gathered(name)
        if base is None or cells is None:
            continue
        for case in cases:
            result += _pair(name, case, joined(base, cells))
    return result


def _pair(name: str, case: str, cells: list) -> list[Row]:
    """Of a cell's case: ``classes`` and ``cycles`` of it and, as ``plain``, of what it is compared with."""
    label = name if name == case else f"{name}-{case}"
    price = compared(cells, lambda cell: cell[case]["classes"], lambda cell: cell[case]["plain"]["classes"])
    with_it, without = (
        round(mean(values))
        for values in ([c[case]["cycles"] for c in cells], [c[case]["plain"]["cycles"] for c in cells])
    )
    what = cells[0][case]["what"]
    return [
        reported(f"{label}-accuracy", price["difference"], f"points by {what}", seeds(name), said(price)),
        reported(f"{label}-cycles", round(without / with_it, 3), f"x fewer cycles by {what}", seeds(name),
                 f"{with_it} against {without} predicted, {cells[0][case]['shape']}, skipping off"),
    ]  # fmt: skip
