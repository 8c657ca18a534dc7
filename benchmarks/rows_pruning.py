"""Rows of paper 3, and of everything together."""

from __future__ import annotations

from cells_pruning import DSP, HARD, KINDS, L1P
from from_cells import against, compared, gathered, joined, mean, other, reported, said, three, with_bar
from results import Row

#: A loss of so many points is to be recovered.
WORTH = 2.0


def rows() -> list[Row]:
    """Every row whose cells are there."""
    return [*curve_rows(), *slif_rows(), *elsewhere_rows(), *together_rows()]


def curve_rows() -> list[Row]:
    """Accuracy over sparsity (L1P) and over dimensions gone (DSP)."""
    base = gathered("lottery")
    result = []
    for name, cases, what in (("l1p", L1P, "% of the blocks' weights"), ("dsp", DSP, "% of the blocks' dimensions")):
        cells = gathered(name)
        if base is None or cells is None:
            continue
        for case in cases:
            found = compared(joined(base, cells), lambda cell, c=case: cell[c]["classes"])
            numbers = [cell[case]["compression"] for cell in cells]
            whole = 100 * (1 - 1 / mean([number["weights"] for number in numbers]))
            result.append(
                reported(name, f"{name}-{round(100 * float(case))}", found["difference"],
                         f"points with {round(100 * float(case))} {what} gone, {whole:.2f} % of all weights",
                         f"{said(found)}; {three(numbers)}")
            )  # fmt: skip
    return result


def slif_rows() -> list[Row]:
    """What neurons that learn recover wherever LIF, trained as long, loses two points."""
    base, cells = gathered("lottery"), gathered("slif")
    if base is None or cells is None:
        return []
    both = joined(base, cells)
    result = []
    for case in HARD:
        lost = compared(both, lambda cell, c=case: cell[f"{c}:lif"]["classes"])
        worth = "a loss to recover" if float(lost["difference"]) <= -WORTH else "no loss to recover"
        result.append(
            reported("slif", f"slif-{case}", lost["difference"], f"points of LIF, trained as long: {worth}", said(lost))
        )
        for kind in KINDS[1:]:
            gain = compared(
                both, lambda cell, c=case, k=kind: cell[f"{c}:{k}"]["classes"],
                lambda cell, c=case: cell[f"{c}:lif"]["classes"],
            )  # fmt: skip
            moved = [cell[f"{case}:{kind}"]["moved"] for cell in cells]
            shares = {
                what: round(100 * sum(m[what][0] for m in moved) / sum(m[what][1] for m in moved), 1)
                for what in ("leaks", "thresholds")
            }
            result.append(
                reported("slif", f"slif-{case}-{kind}", gain["difference"],
                         f"points of {kind} over LIF trained as long",
                         f"{said(gain)}; on the engine's grids {shares['leaks']} % of the leaks moved, and "
                         f"{shares['thresholds']} % of the thresholds behind attention")
            )  # fmt: skip
    return result


def elsewhere_rows() -> list[Row]:
    """Whether a case for which no sLIF was trained loses so much that one should have been."""
    base, l1p, dsp = gathered("lottery"), gathered("l1p"), gathered("dsp")
    if base is None or l1p is None or dsp is None:
        return []
    losses = {}
    for name, cases, cells in (("l1p", L1P, l1p), ("dsp", DSP, dsp)):
        for case in cases:
            found = compared(joined(base, cells), lambda cell, c=case: cell[c]["classes"])
            if f"{name}-{case}" not in HARD:
                losses[f"{name}-{case}"] = float(found["difference"])
    worst = min(losses, key=lambda case: losses[case])
    return [
        with_bar("l1p dsp", "slif-elsewhere", losses[worst],
                 f"points, the least of the cases without sLIF ({worst})",
                 f"above -{WORTH:g}: no loss to recover", losses[worst] > -WORTH,
                 "of LIF as pruned, not trained on: " + ", ".join(f"{case} {lost:+}" for case, lost in losses.items()))
    ]  # fmt: skip


def together_rows() -> list[Row]:
    """Tokens, lottery, neurons that learn and the search in one recipe."""
    base, cells = gathered("lottery"), gathered("together")
    if base is None or cells is None:
        return []
    found = compared(joined(base, cells), lambda cell: cell["classes"])
    cycles, dense = (round(mean([cell["cycles"][which] for cell in cells])) for which in ("package", "dense"))
    result = [
        reported("together", "together-accuracy", found["difference"], "points, all four in one recipe", said(found)),
        reported("together", "together-compression", round(mean([cell["compression"]["stored"] for cell in cells]), 2),
                 "x fewer stored bits",
                 f"{three([cell['compression'] for cell in cells])}, counted by the compiler"),
        reported("together", "together-cycles", round(dense / cycles, 3), "x fewer cycles than the dense network",
                 f"{cycles} against {dense} predicted, 64 lanes, 4 banks, 1 stream, skipping off; the engine has no "
                 "leaks by channel yet, so its schedule is that of the same package without them"),
    ]  # fmt: skip
    if (longer := gathered("longer")) is not None:
        found = compared(against(joined(base, cells), longer), lambda cell: cell["classes"], other)
        what = "points, all four in one recipe against the dense network finished for 75 epochs"
        result.insert(
            1, reported("together", "together-against-dense-finished", found["difference"], what, said(found))
        )
    return result
