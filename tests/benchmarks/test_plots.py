"""The plot of docs/results: what is drawn where, from rows as the benchmarks write them."""

from typing import Any

import pytest

from benchmarks.compression.plots import curves, gone, interval

WITH = "points with {} % of all weights gone"
ROWS: dict[str, dict[str, Any]] = {
    "compress.lottery-round-08": {
        "value": -0.4,
        "unit": WITH.format(90.0),
        "note": "91.2 % against 91.6 %: -0.4 points [-1.25, 0.5], one-sided bound -1",
    },
    "compress.lottery-round-11": {
        "value": -3.0,
        "unit": WITH.format(96.0),
        "note": "88.6 % against 91.6 %: -3.0 points [-4.0, -2.0], x",
    },
    "compress.dsp-50": {
        "value": 0.1,
        "unit": "points with 50 % of the blocks' dimensions gone, 38.27 % of all weights",
        "note": "91.7 % against 91.6 %: +0.1 points [-0.5, 0.75], x",
    },
    "compress.search-digits-3-against-pot": {
        "value": 0.2,
        "unit": "points over pot at 3 bits",
        "note": "1 % against 2 %: +0.2 points [-0.1, 0.5], x",
    },
    "hw.cycles-reference": {"value": 12305, "unit": "cycles", "note": ""},
}


def test_an_interval_is_read_from_the_note() -> None:
    assert interval(ROWS["compress.lottery-round-08"]["note"]) == (-1.25, 0.5)
    with pytest.raises(AssertionError):
        interval("no bracket")


def test_what_is_gone_is_read_from_the_unit() -> None:
    assert gone(WITH.format(90.38)) == 90.38
    assert gone(ROWS["compress.dsp-50"]["unit"]) == 38.27
    assert gone("points at 4.00 times fewer weights by channels") == 75.0
    with pytest.raises(AssertionError):
        gone("points")


def test_every_curve_with_rows_is_drawn_and_equal_rows_give_equal_bytes() -> None:
    picture = curves(ROWS)
    assert picture is not None
    assert picture == curves(dict(reversed(ROWS.items())))
    text = picture.decode()
    assert "<!-- lottery tickets and tokens -->" in text
    assert "<!-- DSP, in the blocks -->" in text
    assert "digits, 3 bits:" in text
    assert "L1P" not in text
    worse = ROWS | {"compress.dsp-50": ROWS["compress.dsp-50"] | {"value": -5.0, "note": "[-6.0, -4.0]"}}
    assert curves(worse) != picture


def test_nothing_is_drawn_of_other_rows() -> None:
    assert curves({"hw.cycles-reference": ROWS["hw.cycles-reference"]}) is None
