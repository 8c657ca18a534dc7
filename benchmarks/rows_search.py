"""Rows of paper 2: the search at its targets, against its controls, and what it chose."""

from __future__ import annotations

from cells_search import CONTROLS
from from_cells import COMMAND, compared, gathered, mean, reported, said, seeds, three
from protocol import Answer
from results import Row

SETS = {"digits": "search-digits", "events": "search-events"}


def rows() -> list[Row]:
    """Every row whose cells are there."""
    result: list[Row] = []
    for key, name in SETS.items():
        cells = gathered(name)
        if cells is not None:
            result += [_target(key, name, cells), *_controls(key, name, cells), *_chosen(key, name, cells)]
    return result


def _target(key: str, name: str, cells: list[Answer]) -> Row:
    bits = max(cell["search-3.67"]["average_bits"] for cell in cells)
    found = compared(cells, lambda cell: cell["search-3.67"]["classes"])
    return Row(
        f"3.search-{key}", COMMAND, found["difference"], f"points at {bits:.3f} bits on average or fewer",
        "at most 3.67 bits, drop below 1 point (accuracy kept)", bool(found["kept"]) and bits <= 3.67, seeds(name),
        said(found),
    )  # fmt: skip


def _controls(key: str, name: str, cells: list[Answer]) -> list[Row]:
    """At exactly 3 and 4 bits the search shall be no worse than each control."""
    result = []
    for target in ("3", "4"):
        for control in CONTROLS:
            other = f"{control}-{target}"
            if other not in cells[0]:
                continue
            found = compared(cells, lambda c, t=target: c[f"search-{t}"]["classes"], lambda c, o=other: c[o]["classes"])
            ours, theirs = ([cell[variant] for cell in cells] for variant in (f"search-{target}", other))
            energy = {
                which: round(
                    mean([a["energy"][which] / b["energy"][which] for a, b in zip(ours, theirs, strict=True)]), 3
                )
                for which in ("a", "b")
            }
            result.append(
                Row(f"3.search-{key}-{target}-against-{control}", COMMAND, found["difference"],
                    f"points over {control} at {target} bits", "no worse (accuracy kept against it)",
                    bool(found["kept"]), seeds(name),
                    f"{said(found)}; {_sizes(ours)} against {_sizes(theirs)}; energy against it: {energy}")
            )  # fmt: skip
    return result


def _sizes(answers: list[Answer]) -> str:
    """Average bits and stored bits, which the widest code of all layers decides: the means of the folds."""
    bits = mean([answer["average_bits"] for answer in answers])
    stored = mean([answer["compression"]["stored"] for answer in answers])
    return f"{bits:.3f} bits on average and {stored:.2f}x fewer stored"


def _chosen(key: str, name: str, cells: list[Answer]) -> list[Row]:
    """How much of the weights the search gives to powers of two, and the compressions."""
    result = []
    for variant in ("search-3", "search-3.67", "search-4"):
        share = mean([cell[variant]["pot"] for cell in cells])
        times = three([cell[variant]["compression"] for cell in cells])
        energy = {which: round(mean([cell[variant]["energy"][which] for cell in cells])) for which in ("a", "b")}
        result.append(
            reported(variant.replace("search", f"search-{key}-pot"), round(100 * share, 1),
                     "% of the weights are powers of two", seeds(name),
                     f"{times}; energy in pJ an image {energy}")
        )  # fmt: skip
    return result
