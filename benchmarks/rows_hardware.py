"""Rows of what is made for the engine: bank-balanced masks, a stream that saturates, counts that fill words."""

from __future__ import annotations

from from_cells import against, compared, gathered, joined, mean, other, reported, said
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
    clip, longer = gathered("clip"), gathered("longer")
    if base is not None and clip is not None and longer is not None:
        gain = compared(against(joined(base, clip), longer), lambda cell: cell["clip"]["classes"], other)
        what = "points of the same, trained 30 epochs longer than the teacher, over the dense network finished for 75"
        result.append(reported("clip", "clip-against-dense-finished", gain["difference"], what, said(gain)))
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
        reported(name, f"{label}-accuracy", price["difference"], f"points by {what}", said(price)),
        reported(name, f"{label}-cycles", round(without / with_it, 3), f"x fewer cycles by {what}",
                 f"{with_it} against {without} predicted, {cells[0][case]['shape']}, skipping off"),
    ]  # fmt: skip
