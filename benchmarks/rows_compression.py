"""The rows of the compression figures, from the cells that have been computed (benchmarks/compression.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cells_lottery import ROUNDS
from protocol import FOLDS, paired, read_cell
from results import Row

COMMAND = "python benchmarks/compression.py --all && python benchmarks/run.py compression"
#: Cells on three folds only: event cameras and convolutional families.
FEW = range(3)


def rows() -> list[Row]:
    """Every row whose cells are there."""
    found: list[Row] = []
    for make in (lottery_rows, selector_rows, control_rows):
        found += make()
    return found


def gathered(name: str, folds: Sequence[int] = FOLDS) -> list[dict[str, Any]] | None:
    """A cell on all its folds, or None where one is missing."""
    cells = [read_cell(name, fold) for fold in folds]
    return None if any(cell is None for cell in cells) else [cell for cell in cells if cell is not None]


def seeds(folds: Sequence[int] = FOLDS) -> str:
    """Folds and their seeds, for the table."""
    return f"folds {folds[0]} to {folds[-1]}, seeds {folds[0] + 1} to {folds[-1] + 1}"


def against_dense(base: list[dict[str, Any]], answers: Callable[[int], list[int]]) -> dict[str, float | bool]:
    """Paired difference of ``answers(fold number in the list)`` to the dense teacher."""
    return paired(
        [cell["dense"] for cell in base],
        [answers(i) for i in range(len(base))],
        [cell["labels"] for cell in base],
    )


def said(found: dict[str, float | bool]) -> str:
    """A paired difference in words."""
    return (
        f"{found['accuracy']} % against {found['dense']} % dense: {found['difference']:+} points "
        f"[{found['low']}, {found['high']}], one-sided bound {found['bound']}"
    )


def lottery_rows() -> list[Row]:
    """Paper 1: tokens alone, the curve, and the bar at 90 %."""
    cells = gathered("lottery")
    if cells is None:
        return []
    gone = 1 - cells[0]["gflops"]["tokens"] / cells[0]["gflops"]["dense"]
    tokens = against_dense(cells, lambda i: cells[i]["tokens"])
    result = [
        Row("3.lottery-gflops", COMMAND, round(100 * gone, 2), "% fewer GFLOPs by tokens 16-10-6-4", "at least 20 %",
            gone >= 0.2, seeds()),
        Row("3.tokens", COMMAND, tokens["difference"], "points by tokens alone", "accuracy kept",
            bool(tokens["kept"]), seeds(), said(tokens)),
    ]  # fmt: skip
    for number in ROUNDS:
        pruned = min(cell["rounds"][str(number)]["gone"] for cell in cells)
        found = against_dense(cells, lambda i, n=number: cells[i]["rounds"][str(n)]["classes"])
        bar = "at least 90 % of the weights gone and accuracy kept" if number == 8 else ""
        met = bool(found["kept"]) and pruned >= 0.9 if number == 8 else None
        result.append(
            Row(f"3.lottery-round-{number:02d}", COMMAND, found["difference"],
                f"points with {100 * pruned:.2f} % of the weights gone", bar, met, seeds(), said(found))
        )  # fmt: skip
    return result


def selector_rows() -> list[Row]:
    """Share of the digit's area in the four tokens that the last selector keeps."""
    learned, others = gathered("lottery"), gathered("selector")
    if learned is None or others is None:
        return []
    chance = 4 / 16
    area = sum(cell["area"][-1] for cell in learned) / len(learned)
    result = [
        Row("3.selector-area", COMMAND, round(area, 3), "of the digit's area in a quarter of the tokens",
            f"at least twice chance, {2 * chance}", area >= 2 * chance, seeds())
    ]  # fmt: skip
    for method in ("firing-rate", "random"):
        part = sum(cell[method]["area"][-1] for cell in others) / len(others)
        found = against_dense(learned, lambda i, m=method: others[i][m]["classes"])
        result.append(
            Row(f"3.selector-area-{method}", COMMAND, round(part, 3), "of the digit's area", seeds=seeds(),
                note=said(found))
        )  # fmt: skip
    return result


def control_rows() -> list[Row]:
    """Rewinding against weights drawn anew, under the same masks."""
    cells, controls = gathered("lottery"), gathered("control")
    if cells is None or controls is None:
        return []
    result = []
    for number in (10, 11):
        rewound = against_dense(cells, lambda i, n=number: cells[i]["rounds"][str(n)]["classes"])
        anew = against_dense(cells, lambda i, n=number: controls[i][str(n)])
        gain = round(float(rewound["accuracy"]) - float(anew["accuracy"]), 2)
        result.append(
            Row(f"3.lottery-control-{number}", COMMAND, gain, "points that rewinding gains over new weights",
                "reported", None, seeds(), f"rewound {rewound['accuracy']} %, drawn anew {anew['accuracy']} %")
        )  # fmt: skip
    return result
