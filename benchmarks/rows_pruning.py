"""Rows of paper 3, and of everything together."""

from __future__ import annotations

from cells_pruning import DSP, HARD, KINDS, L1P
from from_cells import compared, gathered, joined, mean, reported, said, seeds, three
from results import Row

#: A loss of so many points is worth recovering.
WORTH = 2.0


def rows() -> list[Row]:
    """Every row whose cells are there."""
    return [*curve_rows(), *slif_rows(), *together_rows()]


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
            result.append(
                reported(f"{name}-{round(100 * float(case))}", found["difference"],
                         f"points with {round(100 * float(case))} {what} gone", seeds(name),
                         f"{said(found)}; {three([cell[case]['compression'] for cell in cells])}")
            )  # fmt: skip
    return result


def slif_rows() -> list[Row]:
    """What neurons that learn recover wherever LIF, trained as long, loses two points."""
    base, cells, of = gathered("lottery"), gathered("slif"), seeds("slif")
    if base is None or cells is None:
        return []
    both = joined(base, cells)
    result = []
    for case in HARD:
        lost = compared(both, lambda cell, c=case: cell[f"{c}:lif"])
        worth = "a loss to recover" if float(lost["difference"]) <= -WORTH else "no loss to recover"
        result.append(
            reported(f"slif-{case}", lost["difference"], f"points of LIF, trained as long: {worth}", of, said(lost))
        )
        for kind in KINDS[1:]:
            gain = compared(both, lambda cell, c=case, k=kind: cell[f"{c}:{k}"], lambda cell, c=case: cell[f"{c}:lif"])
            result.append(
                reported(f"slif-{case}-{kind}", gain["difference"], f"points of {kind} over LIF trained as long", of,
                         said(gain))
            )  # fmt: skip
    return result


def together_rows() -> list[Row]:
    """Tokens, lottery, neurons that learn and the search in one recipe."""
    base, cells, of = gathered("lottery"), gathered("together"), seeds("together")
    if base is None or cells is None:
        return []
    found = compared(joined(base, cells), lambda cell: cell["classes"])
    cycles, dense = (round(mean([cell["cycles"][which] for cell in cells])) for which in ("package", "dense"))
    return [
        reported("together-accuracy", found["difference"], "points, all four in one recipe", of, said(found)),
        reported("together-compression", round(mean([cell["compression"]["stored"] for cell in cells]), 2),
                 "x fewer stored bits", of, three([cell["compression"] for cell in cells])),
        reported("together-cycles", round(dense / cycles, 3), "x fewer cycles than the dense network", of,
                 f"{cycles} against {dense} predicted, 64 lanes, 4 banks, 1 stream, skipping off"),
    ]  # fmt: skip
