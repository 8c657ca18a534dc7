"""Figures that prose quotes follow their rows, written as they were."""

from typing import Any

import pytest

from benchmarks.quotes import noted, requoted

NOTE = (
    "90.07 % against 91.56 %: -1.48 points [-3.34, 0.28], one-sided bound -2.97; -1.67 on the digits that no setting "
    "was chosen on; 2.998 bits on average and 3.60x fewer stored against 3.000 bits on average and 3.71x fewer stored; "
    "energy 0.996 of it by model a, 0.994 by b"
)
ROWS: dict[str, dict[str, Any]] = {
    "compress.loss": {"value": -1.48, "note": NOTE},
    "compress.energy": {"value": {"a": 5.265, "b": 3.455}, "note": ""},
    "hw.lut": {"value": 24686, "note": ""},
    "hw.cycles": {"value": 23098.0, "note": ""},
    "hw.right": {"value": "343/360", "note": ""},
}


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("-1.5 points (`compress.loss`).", "-1.48 points (`compress.loss`)."),
        ("| +0.3 (`compress.loss`) |", "| -1.48 (`compress.loss`) |"),
        ("-2\n(`compress.loss:bound`)", "-2.97\n(`compress.loss:bound`)"),
        ("+1.3 (`compress.loss:high`)", "+0.28 (`compress.loss:high`)"),
        ("1 µJ (`compress.energy:b`)", "3.455 µJ (`compress.energy:b`)"),
        ("1 000 LUT (`hw.lut`)", "24 686 LUT (`hw.lut`)"),
        ("23 098 cycles (`hw.cycles`)", "23 098 cycles (`hw.cycles`)"),
        ("340/360 right (`hw.right`)", "343/360 right (`hw.right`)"),
        ("3 of 4 `compress.loss` and 5 (see `hw.lut`)", "3 of 4 `compress.loss` and 5 (see `hw.lut`)"),
    ],
)
def test_a_figure_is_drawn_from_its_row(written: str, drawn: str) -> None:
    assert requoted(written, ROWS) == drawn
    assert requoted(drawn, ROWS) == drawn


def test_figures_of_a_note() -> None:
    parts = ("accuracy", "control", "low", "high", "bound", "stored", "control-stored", "energy-a", "energy-b")
    figures = ["90.07", "91.56", "-3.34", "0.28", "-2.97", "3.60", "3.71", "0.996", "0.994"]
    assert [noted(NOTE, part) for part in parts] == figures
    with pytest.raises(AssertionError, match="no leaks in"):
        noted(NOTE, "leaks")


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        requoted("1 (`compress.gain`)", ROWS)
