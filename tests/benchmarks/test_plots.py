"""The plot of docs/results: what is drawn where, from rows as the benchmarks write them."""

from typing import Any

import pytest
from plots import curves, interval

ROWS: dict[str, dict[str, Any]] = {
    "3.lottery-round-08": {
        "value": -0.4,
        "note": "91.2 % against 91.6 %: -0.4 points [-1.25, 0.5], one-sided bound -1",
    },
    "3.lottery-round-11": {"value": -3.0, "note": "88.6 % against 91.6 %: -3.0 points [-4.0, -2.0], x"},
    "3.dsp-50": {"value": 0.1, "note": "91.7 % against 91.6 %: +0.1 points [-0.5, 0.75], x"},
    "3.search-digits-3-against-pot": {"value": 0.2, "note": "1 % against 2 %: +0.2 points [-0.1, 0.5], x"},
    "2.cycles-reference": {"value": 12305, "note": ""},
}


def test_an_interval_is_read_from_the_note() -> None:
    assert interval(ROWS["3.lottery-round-08"]["note"]) == (-1.25, 0.5)
    with pytest.raises(AssertionError):
        interval("no bracket")


def test_every_curve_with_rows_is_drawn_and_equal_rows_give_equal_bytes() -> None:
    picture = curves(ROWS)
    assert picture is not None
    assert picture == curves(dict(reversed(ROWS.items())))
    text = picture.decode()
    assert "<!-- lottery tickets and tokens, all weights -->" in text
    assert "<!-- DSP, the blocks' dimensions -->" in text
    assert "digits, 3 bits:" in text
    assert "L1P" not in text
    worse = ROWS | {"3.dsp-50": {"value": -5.0, "note": "[-6.0, -4.0]"}}
    assert curves(worse) != picture


def test_nothing_is_drawn_of_other_rows() -> None:
    assert curves({"2.cycles-reference": ROWS["2.cycles-reference"]}) is None
