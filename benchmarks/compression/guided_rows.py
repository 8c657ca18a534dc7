"""Rows of paper 4: irregular compression against magnitude, and the curve of channels."""

from __future__ import annotations

from benchmarks.compression.comparisons import (
    ClassesOf,
    all_folds,
    compared,
    compression_in_words,
    in_words,
    mean,
    reported,
    with_bar,
)
from benchmarks.compression.guided_cells import CHANNELS, FAMILIES
from benchmarks.compression.protocol import Answer
from benchmarks.results import Row

CELL = "guided"
#: How many times fewer weights the paper reports.
TIMES = 33.4


def rows() -> list[Row]:
    """Every row whose cells are there."""
    cells = all_folds(CELL)
    if cells is None:
        return []
    irregular = [row for family in FAMILIES for row in _irregular(family, cells)]
    return [*irregular, *(_channels(times, cells) for times in CHANNELS)]


def _classes(variant: str) -> ClassesOf:
    """The classes that a cell holds of a variant."""
    return lambda cell: cell[variant]["classes"]


def _irregular(family: str, cells: list[Answer]) -> list[Row]:
    """A family at the paper's compression, against its dense network and against plain magnitude."""
    guided = _classes(f"{family}:attention-guided")
    loss = compared(cells, guided, _classes(f"{family}:dense"))
    gain = compared(cells, guided, _classes(f"{family}:magnitude"))
    compressions = [cell[f"{family}:attention-guided"]["compression"] for cell in cells]
    times = min(compression["weights"] for compression in compressions)
    return [
        with_bar(CELL, f"guided-{family}", loss["difference"], f"points at {times:.2f} times fewer weights, T = 4",
                 f"at least {TIMES} times, accuracy kept", bool(loss["kept"]) and times >= TIMES,
                 f"{in_words(loss)}; {compression_in_words(compressions)}"),
        reported(CELL, f"guided-{family}-control", gain["difference"],
                 "points of guiding and regrowth over plain magnitude", in_words(gain)),
    ]  # fmt: skip


def _channels(times: int, cells: list[Answer]) -> Row:
    """VGG with so many times fewer weights, by whole channels."""
    variant = f"vgg:channels-{times}:attention-guided"
    loss = compared(cells, _classes(variant), _classes("vgg:dense"))
    gain = compared(cells, _classes(variant), _classes(f"vgg:channels-{times}:magnitude"))
    compressions = [cell[variant]["compression"] for cell in cells]
    reached = mean([compression["weights"] for compression in compressions])
    return reported(
        CELL, f"guided-channels-{times}", loss["difference"],
        f"points at {reached:.2f} times fewer weights by channels",
        f"{in_words(loss)}; {compression_in_words(compressions)}; over the same without maps: "
        f"{gain['difference']:+} points",
    )  # fmt: skip
