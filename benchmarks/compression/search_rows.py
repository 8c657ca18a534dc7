"""Rows of paper 2: the search at its targets, against its controls, what it chose, and what powers of two bring."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.compression.comparisons import (
    ClassesOf,
    Difference,
    against,
    all_folds,
    compared,
    compression_in_words,
    control_classes,
    in_words,
    mean,
    reported,
    with_bar,
)
from benchmarks.compression.protocol import Answer
from benchmarks.compression.search_cells import CONTROLS
from benchmarks.results import Row

SETS = {"digits": "search-digits", "events": "search-events"}
#: Models of energy, in the order of their figures.
_MODELS = ("a", "b")
_TARGETS = ("3", "3.67", "4")


def rows() -> list[Row]:
    """Every row whose cells are there."""
    result: list[Row] = []
    for key, name in SETS.items():
        cells, longer = all_folds(name), all_folds(f"longer-{key}")
        if cells is not None:
            result += [_target(key, name, cells), *_controls(key, name, cells), *_chosen(key, name, cells)]
            result += _powers(key, name, cells)
        if cells is not None and longer is not None:
            result += _dense(key, name, cells, longer)
    return result


def _target(key: str, name: str, cells: list[Answer]) -> Row:
    bits = _widest(cells, "search-3.67")
    loss = compared(cells, _classes("search-3.67"))
    return with_bar(
        name, f"search-{key}", loss["difference"], f"points at {bits:.3f} bits on average or fewer",
        "at most 3.67 bits, drop below 1 point (accuracy kept)", bool(loss["kept"]) and bits <= 3.67, in_words(loss),
    )  # fmt: skip


def _classes(variant: str) -> ClassesOf:
    """The classes that a cell holds of a variant."""
    return lambda cell: cell[variant]["classes"]


def _widest(cells: list[Answer], variant: str) -> float:
    """Average bits of the fold that has most of them."""
    return max(float(cell[variant]["average_bits"]) for cell in cells)


def _controls(key: str, name: str, cells: list[Answer]) -> list[Row]:
    """At exactly 3 and 4 bits the search shall be no worse than each control."""
    result = []
    for target in ("3", "4"):
        searched = [cell[f"search-{target}"] for cell in cells]
        for control in CONTROLS:
            controls = [cell[f"{control}-{target}"] for cell in cells]
            gain = _between(cells, f"search-{target}", f"{control}-{target}")
            result.append(
                with_bar(name, f"search-{key}-{target}-against-{control}", gain["difference"],
                         f"points over {control} at {target} bits", "no worse (accuracy kept against it)",
                         bool(gain["kept"]) and _widest(cells, f"search-{target}") <= float(target),
                         f"{in_words(gain)}; {_costs(searched, controls)}")
            )  # fmt: skip
    return result


def _between(cells: list[Answer], variant: str, control: str) -> Difference:
    return compared(cells, _classes(variant), _classes(control))


def _costs(answers: Sequence[Answer], controls: Sequence[Answer]) -> str:
    """Sizes of two networks, and the energy of one over that of the other."""
    return f"{_sizes(answers)} against {_sizes(controls)}; {_energies(answers, controls)}"


def _sizes(answers: Sequence[Answer]) -> str:
    """Average bits and stored bits, which the widest code of all layers decides: the means of the folds."""
    bits = mean([answer["average_bits"] for answer in answers])
    stored = mean([answer["compression"]["stored"] for answer in answers])
    return f"{bits:.3f} bits on average and {stored:.2f}x fewer stored"


def _energies(answers: Sequence[Answer], controls: Sequence[Answer]) -> str:
    """Energy of an image over that of another network, the mean of the folds, by both models."""
    shares = (
        mean([one["energy"][model] / control["energy"][model] for one, control in zip(answers, controls, strict=True)])
        for model in _MODELS
    )
    return "energy {:.3f} of it by model a, {:.3f} by b".format(*shares)


def _chosen(key: str, name: str, cells: list[Answer]) -> list[Row]:
    """How much of the weights the search gives to powers of two, the compressions, and the energy of an image."""
    result = []
    for target in _TARGETS:
        answers = [cell[f"search-{target}"] for cell in cells]
        share = mean([answer["pot"] for answer in answers])
        result += [
            reported(name, f"search-{key}-{target}-pot", round(100 * share, 1), "% of the weights are powers of two",
                     compression_in_words([answer["compression"] for answer in answers])),
            _spent(name, f"search-{key}-{target}-energy", answers),
        ]  # fmt: skip
    return result


def _spent(name: str, key: str, answers: Sequence[Answer], note: str = "") -> Row:
    """Energy of an image, the mean of the folds, by both models."""
    energy = {model: round(mean([one["energy"][model] for one in answers]) / 1e6, 3) for model in _MODELS}
    return reported(name, key, energy, "µJ an image, by models a and b", note)


def _dense(key: str, name: str, cells: list[Answer], longer: list[Answer]) -> list[Row]:
    """The dense network in float: what its energy is over the search's, and what it gains by training as long."""
    gain = compared(against(cells, longer), _classes("search-3.67"), control_classes)
    shares = (f"{target} bits {_energies([cell[f'search-{target}'] for cell in cells], longer)}" for target in _TARGETS)
    return [
        reported(f"{name} longer-{key}", f"search-{key}-against-dense-finished", gain["difference"],
                 "points at 3.67 bits over the dense network trained as long", in_words(gain)),
        _spent(f"longer-{key}", f"search-{key}-dense-energy", longer, f"32 bits; the search at {'; '.join(shares)}"),
    ]  # fmt: skip


def _powers(key: str, name: str, cells: list[Answer]) -> list[Row]:
    """Whether powers of two earn their place: PoT only against uniform only, both searched at the same average."""
    result = []
    for target in ("3", "4"):
        pot, uniform = ([cell[f"{scheme}-{target}"] for cell in cells] for scheme in ("pot", "uniform"))
        gain = _between(cells, f"pot-{target}", f"uniform-{target}")
        result.append(
            reported(name, f"search-{key}-{target}-pot-over-uniform", gain["difference"],
                     f"points of powers of two alone over uniform alone at {target} bits",
                     f"{in_words(gain)}; {_costs(pot, uniform)}")
        )  # fmt: skip
    return result
