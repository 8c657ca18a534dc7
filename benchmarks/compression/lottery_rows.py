"""Rows of paper 1: tokens, the curve of rounds, the selectors, and rewinding against weights drawn anew."""

from __future__ import annotations

from benchmarks.compression.comparisons import (
    against,
    all_folds,
    compared,
    compression_in_words,
    control_classes,
    in_words,
    mean,
    one_version,
    own_classes,
    reported,
    with_bar,
    with_teacher,
)
from benchmarks.compression.lottery_cells import CONTROLS, ROUNDS
from benchmarks.compression.protocol import Answer
from benchmarks.results import Row


def rows() -> list[Row]:
    """Every row whose cells are there."""
    return [*lottery_rows(), *ninety_rows(), *selector_rows(), *longer_rows(), *control_rows()]


def lottery_rows() -> list[Row]:
    """Tokens alone, and the curve."""
    cells = all_folds("lottery")
    if cells is None:
        return []
    saved = fewer_gflops(cells[0])
    tokens = compared(cells, lambda cell: cell["tokens"])
    alone = compared(cells, lambda cell: cell["rounds"]["8"]["classes"], lambda cell: cell["tokens"])
    return [
        with_bar("lottery", "lottery-gflops", round(100 * saved, 2), "% fewer GFLOPs by tokens 16-10-6-4",
                 "at least 20 %", saved >= 0.2),
        with_bar("lottery", "tokens", tokens["difference"], "points by tokens alone", "accuracy kept",
                 bool(tokens["kept"]), in_words(tokens)),
        *(_round(number, cells) for number in ROUNDS),
        reported("lottery", "lottery-masks-alone", alone["difference"],
                 "points by round 8 over tokens alone, finished as long", in_words(alone)),
    ]  # fmt: skip


def _round(number: int, cells: list[Answer]) -> Row:
    """One round of the curve."""
    rounds = [cell["rounds"][str(number)] for cell in cells]
    gone = min(pruned["gone"] for pruned in rounds)
    loss = compared(cells, lambda cell: cell["rounds"][str(number)]["classes"])
    compressions = compression_in_words([pruned["compression"] for pruned in rounds])
    return reported(
        "lottery", f"lottery-round-{number:02d}", loss["difference"],
        f"points with {100 * gone:.2f} % of all weights gone", f"{in_words(loss)}; {compressions}",
    )  # fmt: skip


def fewer_gflops(cell: Answer) -> float:
    """The share that tokens save; the same on every fold."""
    return float(1 - cell["gflops"]["tokens"] / cell["gflops"]["dense"])


def ninety_rows() -> list[Row]:
    """The bar: at 90 % of the weights and 20 % of the GFLOPs gone accuracy is kept; and over a longer dense run."""
    teachers, cells = all_folds("lottery"), all_folds("ninety")
    if teachers is None or cells is None:
        return []
    both = with_teacher(teachers, cells)
    loss = compared(both, own_classes)
    gone, saved = min(cell["gone"] for cell in cells), fewer_gflops(teachers[0])
    compressions = compression_in_words([cell["compression"] for cell in cells])
    result = [
        with_bar("ninety", "lottery", loss["difference"],
                 f"points with {100 * gone:.2f} % of all weights and {100 * saved:.2f} % of the GFLOPs gone",
                 "at least 90 % of the weights, 20 % of the GFLOPs gone, accuracy kept",
                 bool(loss["kept"]) and gone >= 0.9 and saved >= 0.2, f"{in_words(loss)}; {compressions}"),
    ]  # fmt: skip
    longer = all_folds("longer")
    if longer is not None:
        gain = compared(against(both, longer), own_classes, control_classes)
        result.append(
            reported("ninety", "lottery-against-dense-finished", gain["difference"],
                     "points of the same over the dense network finished for 75 epochs", in_words(gain))
        )  # fmt: skip
    return result


def selector_rows() -> list[Row]:
    """Share of the digit's area in the four tokens that the last selector keeps."""
    learned, controls = all_folds("lottery"), all_folds("selector")
    if learned is None or controls is None:
        return []
    chance = 4 / 16
    area = mean([cell["area"][-1] for cell in learned])
    result = [
        with_bar("lottery", "selector-area", round(area, 3), "of the digit's area in a quarter of the tokens",
                 f"at least twice chance, {2 * chance}", area >= 2 * chance)
    ]  # fmt: skip
    for method in CONTROLS:
        result += _selector_control(method, learned, controls)
    return result


def _selector_control(method: str, learned: list[Answer], controls: list[Answer]) -> list[Row]:
    """A selector without anything to learn: the area that it keeps, and what learning gains over it."""
    control = [cell[method] for cell in controls]
    area = mean([cell["area"][-1] for cell in control])
    loss = compared(with_teacher(learned, controls), lambda cell: cell[method]["classes"])
    gain = compared(against(learned, control), lambda cell: cell["tokens"], control_classes)
    return [
        reported("selector", f"selector-area-{method}", round(area, 3), "of the digit's area", in_words(loss)),
        reported("selector", f"selector-against-{method}", gain["difference"],
                 f"points of learned selectors over {method} ones", in_words(gain)),
    ]  # fmt: skip


def longer_rows() -> list[Row]:
    """What the dense network itself gains by the training that finishes the others."""
    teachers, longer = all_folds("lottery"), all_folds("longer")
    if teachers is None or longer is None:
        return []
    gain = compared(with_teacher(teachers, longer), own_classes)
    what = "points by finishing the dense network for 75 epochs"
    return [reported("longer", "dense-finished", gain["difference"], what, in_words(gain))]


def control_rows() -> list[Row]:
    """Rewinding against weights drawn anew, under the same masks, with the same training."""
    cells, controls = all_folds("lottery"), all_folds("control")
    if cells is None or controls is None:
        return []
    one_version(cells, controls)
    both = [cell | {"anew": control} for cell, control in zip(cells, controls, strict=True)]
    return [_rewinding(number, both) for number in (10, 11)]


def _rewinding(number: int, cells: list[Answer]) -> Row:
    """What rewinding gains in one round."""
    gain = compared(cells, lambda cell: cell["rounds"][str(number)]["classes"], lambda cell: cell["anew"][str(number)])
    return reported(
        "control", f"lottery-control-{number}", gain["difference"], "points that rewinding gains over new weights",
        in_words(gain),
    )  # fmt: skip
