"""Rows of paper 3: synapse pruning, and what neurons that learn give back."""

from __future__ import annotations

from benchmarks.compression.comparisons import (
    ClassesOf,
    Difference,
    all_folds,
    compared,
    compression_in_words,
    in_words,
    mean,
    reported,
    with_bar,
    with_teacher,
)
from benchmarks.compression.protocol import Answer
from benchmarks.compression.pruning_cells import DSP, HARD, KINDS, L1P
from benchmarks.results import Row

#: Cells of pruning: their cases, and what those say is gone.
PRUNED = {"l1p": (L1P, "% of the blocks' weights"), "dsp": (DSP, "% of the blocks' dimensions")}
#: A loss of so many points is to be recovered.
WORTH = 2.0


def rows() -> list[Row]:
    """Every row whose cells are there."""
    return [*curve_rows(), *slif_rows(), *elsewhere_rows()]


def _classes(case: str) -> ClassesOf:
    """The classes that a cell holds of a case."""
    return lambda cell: cell[case]["classes"]


def curve_rows() -> list[Row]:
    """Accuracy over sparsity (L1P) and over dimensions gone (DSP)."""
    teachers = all_folds("lottery")
    result = []
    for name, (cases, what) in PRUNED.items():
        cells = all_folds(name)
        if teachers is None or cells is None:
            continue
        for case in cases:
            loss = compared(with_teacher(teachers, cells), _classes(case))
            compressions = [cell[case]["compression"] for cell in cells]
            gone = 100 * (1 - 1 / mean([compression["weights"] for compression in compressions]))
            percent = round(100 * float(case))
            result.append(
                reported(name, f"{name}-{percent}", loss["difference"],
                         f"points with {percent} {what} gone, {gone:.2f} % of all weights",
                         f"{in_words(loss)}; {compression_in_words(compressions)}")
            )  # fmt: skip
    return result


def slif_rows() -> list[Row]:
    """What neurons that learn recover wherever LIF, trained as long, loses two points."""
    teachers, cells = all_folds("lottery"), all_folds("slif")
    if teachers is None or cells is None:
        return []
    both = with_teacher(teachers, cells)
    result = []
    for case in HARD:
        loss = compared(both, _classes(f"{case}:lif"))
        worth = "a loss to recover" if float(loss["difference"]) <= -WORTH else "no loss to recover"
        unit = f"points of LIF, trained as long: {worth}"
        result.append(reported("slif", f"slif-{case}", loss["difference"], unit, in_words(loss)))
        for kind in KINDS[1:]:
            gain = compared(both, _classes(f"{case}:{kind}"), _classes(f"{case}:lif"))
            result.append(_recovered(case, kind, cells, gain))
    return result


def _recovered(case: str, kind: str, cells: list[Answer], gain: Difference) -> Row:
    """What a kind of neuron gains over LIF, and how much of it moved."""
    moved = [cell[f"{case}:{kind}"]["moved"] for cell in cells]
    shares = {
        what: round(100 * sum(counts[what][0] for counts in moved) / sum(counts[what][1] for counts in moved), 1)
        for what in ("leaks", "thresholds")
    }
    return reported(
        "slif", f"slif-{case}-{kind}", gain["difference"], f"points of {kind} over LIF trained as long",
        f"{in_words(gain)}; on the engine's grids {shares['leaks']} % of the leaks moved, and "
        f"{shares['thresholds']} % of the thresholds behind attention",
    )  # fmt: skip


def elsewhere_rows() -> list[Row]:
    """Whether a case for which no sLIF was trained loses so much that one should have been."""
    teachers, l1p, dsp = all_folds("lottery"), all_folds("l1p"), all_folds("dsp")
    if teachers is None or l1p is None or dsp is None:
        return []
    losses = {
        f"{name}-{case}": float(compared(with_teacher(teachers, cells), _classes(case))["difference"])
        for name, cells in (("l1p", l1p), ("dsp", dsp))
        for case in PRUNED[name][0]
        if f"{name}-{case}" not in HARD
    }
    worst = min(losses, key=lambda case: losses[case])
    return [
        with_bar("l1p dsp", "slif-elsewhere", losses[worst],
                 f"points, the least of the cases without sLIF ({worst})",
                 f"above -{WORTH:g}: no loss to recover", losses[worst] > -WORTH,
                 "of LIF as pruned, not trained on: " + ", ".join(f"{case} {loss:+}" for case, loss in losses.items()))
    ]  # fmt: skip
