"""Rows of paper 1: tokens, the curve of rounds, the selectors, and rewinding against weights drawn anew."""

from __future__ import annotations

from cells_lottery import ROUNDS
from from_cells import against, compared, gathered, joined, mean, one_version, other, reported, said, three, with_bar
from protocol import Answer
from results import Row


def rows() -> list[Row]:
    """Every row whose cells are there."""
    return [*lottery_rows(), *ninety_rows(), *selector_rows(), *longer_rows(), *control_rows()]


def lottery_rows() -> list[Row]:
    """Tokens alone, and the curve."""
    cells = gathered("lottery")
    if cells is None:
        return []
    gone = fewer_gflops(cells[0])
    tokens = compared(cells, lambda cell: cell["tokens"])
    result = [
        with_bar("lottery", "lottery-gflops", round(100 * gone, 2), "% fewer GFLOPs by tokens 16-10-6-4",
                 "at least 20 %", gone >= 0.2),
        with_bar("lottery", "tokens", tokens["difference"], "points by tokens alone", "accuracy kept",
                 bool(tokens["kept"]), said(tokens)),
    ]  # fmt: skip
    for number in ROUNDS:
        pruned = min(cell["rounds"][str(number)]["gone"] for cell in cells)
        found = compared(cells, lambda cell, n=number: cell["rounds"][str(n)]["classes"])
        times = three([cell["rounds"][str(number)]["compression"] for cell in cells])
        result.append(
            reported("lottery", f"lottery-round-{number:02d}", found["difference"],
                     f"points with {100 * pruned:.2f} % of all weights gone", f"{said(found)}; {times}")
        )  # fmt: skip
    alone = compared(cells, lambda cell: cell["rounds"]["8"]["classes"], lambda cell: cell["tokens"])
    result.append(
        reported("lottery", "lottery-masks-alone", alone["difference"],
                 "points by round 8 over tokens alone, finished as long", said(alone))
    )  # fmt: skip
    return result


def fewer_gflops(cell: Answer) -> float:
    """The share that tokens save; the same on every fold."""
    return float(1 - cell["gflops"]["tokens"] / cell["gflops"]["dense"])


def ninety_rows() -> list[Row]:
    """The bar: at 90 % of the weights and 20 % of the GFLOPs gone accuracy is kept; and over a longer dense run."""
    base, cells = gathered("lottery"), gathered("ninety")
    if base is None or cells is None:
        return []
    found = compared(joined(base, cells), lambda cell: cell["classes"])
    pruned, saved = min(cell["gone"] for cell in cells), fewer_gflops(base[0])
    result = [
        with_bar("ninety", "lottery", found["difference"],
                 f"points with {100 * pruned:.2f} % of all weights and {100 * saved:.2f} % of the GFLOPs gone",
                 "at least 90 % of the weights, 20 % of the GFLOPs gone, accuracy kept",
                 bool(found["kept"]) and pruned >= 0.9 and saved >= 0.2,
                 f"{said(found)}; {three([cell['compression'] for cell in cells])}"),
    ]  # fmt: skip
    longer = gathered("longer")
    if longer is not None:
        gain = compared(against(joined(base, cells), longer), lambda cell: cell["classes"], other)
        result.append(
            reported("ninety", "lottery-against-dense-finished", gain["difference"],
                     "points of the same over the dense network finished for 75 epochs", said(gain))
        )  # fmt: skip
    return result


def selector_rows() -> list[Row]:
    """Share of the digit's area in the four tokens that the last selector keeps."""
    learned, others = gathered("lottery"), gathered("selector")
    if learned is None or others is None:
        return []
    chance = 4 / 16
    area = mean([cell["area"][-1] for cell in learned])
    result = [
        with_bar("lottery", "selector-area", round(area, 3), "of the digit's area in a quarter of the tokens",
                 f"at least twice chance, {2 * chance}", area >= 2 * chance)
    ]  # fmt: skip
    for method in ("firing-rate", "random"):
        part = mean([cell[method]["area"][-1] for cell in others])
        found = compared(joined(learned, others), lambda cell, m=method: cell[m]["classes"])
        result.append(
            reported("selector", f"selector-area-{method}", round(part, 3), "of the digit's area", said(found))
        )
        both = against(learned, [cell[method] for cell in others])
        gain = compared(both, lambda cell: cell["tokens"], other)
        result.append(
            reported("selector", f"selector-against-{method}", gain["difference"],
                     f"points of learned selectors over {method} ones", said(gain))
        )  # fmt: skip
    return result


def longer_rows() -> list[Row]:
    """What the dense network itself gains by the training that finishes the others."""
    cells, longer = gathered("lottery"), gathered("longer")
    if cells is None or longer is None:
        return []
    both = joined(cells, longer)
    found = compared(both, lambda cell: cell["classes"])
    what = "points by finishing the dense network for 75 epochs"
    return [reported("longer", "dense-finished", found["difference"], what, said(found))]


def control_rows() -> list[Row]:
    """Rewinding against weights drawn anew, under the same masks, with the same training."""
    cells, controls = gathered("lottery"), gathered("control")
    if cells is None or controls is None:
        return []
    one_version(cells, controls)
    both = [cell | {"anew": control} for cell, control in zip(cells, controls, strict=True)]
    result = []
    for number in (10, 11):
        gain = compared(both, lambda c, n=number: c["rounds"][str(n)]["classes"], lambda c, n=number: c["anew"][str(n)])
        result.append(
            reported("control", f"lottery-control-{number}", gain["difference"],
                     "points that rewinding gains over new weights", said(gain))
        )  # fmt: skip
    return result
