"""The rows of the compression figures, from cells whose answers are made up: which there are, which bars are met."""

import re
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.compression import comparisons, protocol
from benchmarks.compression.cells import CELLS
from benchmarks.compression.guided_cells import VARIANTS as GUIDED
from benchmarks.compression.lottery_cells import CONTROLS, ROUNDS
from benchmarks.compression.plots import curves
from benchmarks.compression.pruning_cells import DSP, HARD, KINDS, L1P, SLIF
from benchmarks.compression.rows import rows
from benchmarks.compression.search_cells import VARIANTS as SEARCHED
from benchmarks.results import Row

IMAGES = 300
LABELS = [image % 10 for image in range(IMAGES)]
MOVED = {"leaks": [30, 120], "thresholds": [1, 8]}
COMPRESSION = {"bits": 4.0, "weights": 35.0, "stored": 20.0}


def answers(wrong: int) -> list[int]:
    """The class of every image, so many of them wrong."""
    return [label + 1 for label in LABELS[:wrong]] + LABELS[wrong:]


def entry(wrong: int = 0) -> dict[str, Any]:
    """What most cells hold of a network."""
    return {"classes": answers(wrong), "compression": COMPRESSION}


def made_up(gone: float = 0.91, wrong: int = 0, bits: float = 3.6, area: float = 0.6) -> dict[str, dict[str, Any]]:
    """Answers of every cell, the same on each fold; the defaults meet every bar."""
    searched = {"energy": {"a": 2e6, "b": 3e6}, "pot": 0.25}
    average = {v: {"average_bits": bits if v.endswith("3.67") else float(v[-1])} for v in SEARCHED}
    search = {"labels": LABELS, "dense": answers(0), **{v: entry(wrong) | searched | average[v] for v in SEARCHED}}
    priced = {"cycles": 50, "plain": {"classes": answers(0), "cycles": 100}, "what": "it", "shape": "64 lanes"}
    return {
        "lottery": {
            "labels": LABELS,
            "dense": answers(0),
            "tokens": answers(wrong),
            "gflops": {"dense": 1.0, "tokens": 0.75},
            "area": [0.9, 0.8, area],
            "rounds": {str(number): entry(wrong) | {"gone": gone} for number in ROUNDS},
        },
        "ninety": entry(wrong) | {"gone": gone},
        "longer": {"classes": answers(0)},
        "control": {"10": answers(3), "11": answers(3)},
        "selector": {method: {"classes": answers(0), "area": [0.9, 0.8, 0.2]} for method in CONTROLS},
        "l1p": {case: entry(wrong) for case in L1P},
        "dsp": {case: entry(wrong) for case in DSP},
        "slif": {case: {"classes": answers(9 if case.endswith(":lif") else wrong), "moved": MOVED} for case in SLIF},
        "together": entry(wrong) | {"gone": gone, "cycles": {"package": 100, "dense": 400}},
        "balanced": {number: entry(wrong) | priced for number in ("8", "10")},
        "clip": {"clip": entry(wrong) | priced},
        "fill": {"fill": entry(wrong) | priced},
        "search-digits": search,
        "search-events": search,
        "longer-digits": {"labels": LABELS, "dense": answers(0), "classes": answers(3), "energy": {"a": 4e6, "b": 9e6}},
        "longer-events": {"labels": LABELS, "dense": answers(0), "classes": answers(3), "energy": {"a": 4e6, "b": 9e6}},
        "guided": {"labels": LABELS, **{v: entry(wrong) for v in GUIDED},
                   "vgg:dense": {"classes": answers(0)}, "resnet:dense": {"classes": answers(0)}},
    }  # fmt: skip


def rows_of(monkeypatch: pytest.MonkeyPatch, cells: dict[str, dict[str, Any]]) -> dict[str, Row]:
    """Rows by id, drawn from these cells."""
    monkeypatch.setattr(protocol, "_RESAMPLES", 100)  # the bootstrap has tests of its own
    monkeypatch.setattr(comparisons, "unseen", lambda fold: [image > 1 for image in range(IMAGES)])

    def read(name: str, _fold: int, _key: str) -> dict[str, Any] | None:
        return {"version": 10} | cells[name] if name in cells else None

    monkeypatch.setattr(comparisons, "read_cell", read)
    drawn = rows()
    assert len({row.id for row in drawn}) == len(drawn)
    return {row.id: row for row in drawn}


def test_every_figure_of_every_cell_has_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    assert set(cells) == set(CELLS)
    drawn = rows_of(monkeypatch, cells)
    names = {
        "lottery", "lottery-against-dense-finished", "lottery-gflops", "tokens", "lottery-masks-alone",
        *(f"lottery-round-{number:02d}" for number in ROUNDS), "dense-finished",
        "selector-area", "selector-area-firing-rate", "selector-area-random",
        "selector-against-firing-rate", "selector-against-random", "lottery-control-10", "lottery-control-11",
        "l1p-80", "l1p-85", "l1p-90", "l1p-95", "dsp-25", "dsp-50", "dsp-75",
        *(f"slif-{case}{end}" for case in HARD for end in ("", *(f"-{kind}" for kind in KINDS[1:]))), "slif-elsewhere",
        "together-accuracy", "together-against-dense-finished", "together-compression",
        *(f"{name}-{what}" for name in ("balanced-8", "balanced-10", "fill") for what in ("accuracy", "cycles")),
        "clip-accuracy", "clip-against-dense-finished",
        *(f"search-{key}" for key in ("digits", "events")),
        *(f"search-{key}-{bits}-against-{control}" for key in ("digits", "events") for bits in "34" for control in
          ("uniform", "pot", "fixed")),
        *(f"search-{key}-{bits}-{what}" for key in ("digits", "events") for bits in ("3", "3.67", "4") for what in
          ("pot", "energy")),
        *(f"search-{key}-{what}" for key in ("digits", "events") for what in
          ("against-dense-finished", "dense-energy")),
        *(f"search-{key}-{bits}-pot-over-uniform" for key in ("digits", "events") for bits in "34"),
        *(f"guided-{family}{part}" for family in ("vgg", "resnet") for part in ("", "-control")),
        *(f"guided-channels-{times}" for times in (2, 4, 6, 10)),
    }  # fmt: skip
    assert set(drawn) == {f"compress.{name}" for name in names}
    for row in drawn.values():
        named = re.fullmatch(r"python benchmarks/run.py cells --again((?: --cell \S+)+) && (.*)", row.command)
        assert named is not None
        assert set(named[1].split()[1::2]) <= set(CELLS)
        assert named[2] == "python benchmarks/run.py compression"
    assert all(row.met is not False for row in drawn.values())
    assert drawn["compress.lottery"].met
    assert drawn["compress.lottery"].seeds == "folds 0 to 4, seeds 1 to 5, training 10"
    assert drawn["compress.l1p-95"].unit.endswith("95 % of the blocks' weights gone, 97.14 % of all weights")
    assert drawn["compress.search-digits-3-energy"].value == {"a": 2.0, "b": 3.0}
    assert "3 bits energy 0.500 of it by model a, 0.333 by b" in drawn["compress.search-digits-dense-energy"].note
    assert drawn["compress.search-digits-against-dense-finished"].value == 1.0
    assert drawn["compress.lottery-control-10"].value == 1.0
    assert drawn["compress.slif-l1p-0.95-threshold"].value == 3.0
    assert "25.0 % of the leaks moved, and 12.5 % of the thresholds" in drawn["compress.slif-l1p-0.95-threshold"].note
    assert drawn["compress.fill-cycles"].value == 2.0
    assert drawn["compress.lottery-gflops"].value == 25.0
    assert curves({key: asdict(row) for key, row in drawn.items()}) is not None


@pytest.mark.parametrize(
    ("cells", "missed"),
    [
        ({"gone": 0.899}, {"lottery"}),
        ({"bits": 3.68}, {"search-digits", "search-events"}),
        ({"area": 0.49}, {"selector-area"}),
        (
            {"wrong": 2},  # two thirds of a point
            {"lottery", "tokens", "search-digits", "search-events", "guided-vgg", "guided-resnet"},
        ),
    ],
)
def test_bars_that_are_missed_say_so(cells: dict[str, Any], missed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = rows_of(monkeypatch, made_up(**cells))
    assert {key for key, row in drawn.items() if row.met is False} == {f"compress.{name}" for name in missed}


def test_too_few_weights_gone_and_a_search_that_is_beaten_miss_their_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    cells["guided"]["vgg:attention-guided"] = entry() | {"compression": COMPRESSION | {"weights": 33.3}}
    cells["search-digits"] = cells["search-digits"] | {
        "search-3": cells["search-digits"]["search-3"] | {"classes": answers(4)}
    }
    drawn = rows_of(monkeypatch, cells)
    assert {key for key, row in drawn.items() if row.met is False} == {
        "compress.guided-vgg",
        *(f"compress.search-digits-3-against-{control}" for control in ("uniform", "pot", "fixed")),
    }  # fmt: skip


def test_a_search_above_its_target_misses_its_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    wider = cells["search-events"]["search-4"] | {"average_bits": 4.01}
    cells["search-events"] = cells["search-events"] | {"search-4": wider}
    missed = {key for key, row in rows_of(monkeypatch, cells).items() if row.met is False}
    assert missed == {f"compress.search-events-4-against-{control}" for control in ("uniform", "pot", "fixed")}


@pytest.mark.parametrize("name", ["ninety", "control", "selector", "l1p", "slif", "clip", "longer", "longer-digits"])
def test_cells_that_another_version_trained_are_not_compared(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    cells[name]["version"] = 9
    with pytest.raises(SystemExit, match=r"cells of fold 0 are compared, but versions \{.*\} trained them"):
        rows_of(monkeypatch, cells)


@pytest.mark.parametrize(
    ("wrong", "lost", "worth"),
    [(2, -0.67, "no loss to recover"), (5, -1.67, "no loss to recover"), (6, -2.0, "a loss")],
)
def test_whether_there_is_a_loss_to_recover_is_said(
    wrong: int, lost: float, worth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = made_up()
    cells["slif"] = {case: {"classes": answers(wrong), "moved": MOVED} for case in SLIF}
    drawn = rows_of(monkeypatch, cells)["compress.slif-dsp-0.75"]
    assert drawn.unit.startswith(f"points of LIF, trained as long: {worth}")
    assert drawn.value == lost


def test_a_loss_for_which_no_neuron_was_tried_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    assert rows_of(monkeypatch, cells)["compress.slif-elsewhere"].met
    cells["dsp"] = cells["dsp"] | {"0.5": entry(6)}
    drawn = rows_of(monkeypatch, cells)["compress.slif-elsewhere"]
    assert (drawn.value, drawn.met) == (-2.0, False)
    assert "dsp-0.5" in drawn.unit


def test_a_control_that_stores_less_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    less = cells["search-digits"]["fixed-3"] | {"compression": COMPRESSION | {"stored": 23.5}}
    cells["search-digits"] = cells["search-digits"] | {"fixed-3": less}
    note = rows_of(monkeypatch, cells)["compress.search-digits-3-against-fixed"].note
    assert "3.000 bits on average and 20.00x fewer stored against 3.000 bits on average and 23.50x fewer stored" in note


@pytest.mark.parametrize("missing", list(CELLS))
def test_what_has_not_been_computed_has_no_row(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    whole = set(rows_of(monkeypatch, cells))
    del cells[missing]
    assert set(rows_of(monkeypatch, cells)) < whole
