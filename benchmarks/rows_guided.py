"""Rows of paper 4: irregular compression against magnitude, and the curve of channels."""

from __future__ import annotations

from cells_guided import CHANNELS, FAMILIES
from from_cells import compared, gathered, mean, reported, said, three, with_bar
from results import Row

NAME = "guided"


def rows() -> list[Row]:
    """Every row whose cells are there."""
    cells = gathered(NAME)
    if cells is None:
        return []
    result = []
    for family in FAMILIES:
        found = compared(
            cells,
            lambda c, f=family: c[f"{f}:attention-guided"]["classes"],
            lambda c, f=family: c[f"{f}:dense"]["classes"],
        )
        numbers = [cell[f"{family}:attention-guided"]["compression"] for cell in cells]
        times = min(number["weights"] for number in numbers)
        result.append(
            with_bar(NAME, f"guided-{family}", found["difference"], f"points at {times:.2f} times fewer weights, T = 4",
                     "at least 33.4 times, accuracy kept", bool(found["kept"]) and times >= 33.4,
                     f"{said(found)}; {three(numbers)}")
        )  # fmt: skip
        gain = compared(
            cells,
            lambda c, f=family: c[f"{f}:attention-guided"]["classes"],
            lambda c, f=family: c[f"{f}:magnitude"]["classes"],
        )
        result.append(
            reported(NAME, f"guided-{family}-control", gain["difference"],
                     "points of guiding and regrowth over plain magnitude", said(gain))
        )  # fmt: skip
    for times in CHANNELS:
        variant, control = f"vgg:channels-{times}:attention-guided", f"vgg:channels-{times}:magnitude"
        found = compared(cells, lambda c, v=variant: c[v]["classes"], lambda c: c["vgg:dense"]["classes"])
        gain = compared(cells, lambda c, v=variant: c[v]["classes"], lambda c, v=control: c[v]["classes"])
        numbers = [cell[variant]["compression"] for cell in cells]
        reached = mean([number["weights"] for number in numbers])
        result.append(
            reported(NAME, f"guided-channels-{times}", found["difference"],
                     f"points at {reached:.2f} times fewer weights by channels",
                     f"{said(found)}; {three(numbers)}; over the same without maps: {gain['difference']:+} points")
        )  # fmt: skip
    return result
