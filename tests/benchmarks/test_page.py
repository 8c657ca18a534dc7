"""docs/results.md: every row stands once, under its heading, in words."""

from typing import Any

from page import draw, words


def row(value: Any = 1, command: str = "python benchmarks/run.py reference", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": "x", "bar": "", "met": None, "command": command, "seeds": "", "note": "", **more}


def test_rows_stand_once_under_the_heading_of_their_method() -> None:
    rows = {key: row() for key in ("3.dsp-25", "2.flips", "3.lottery-round-05", "3.search-digits", "4.else")}
    lines = draw(rows).splitlines()
    heads = [line for line in lines if line.startswith(("## ", "| 2", "| 3", "| 4"))]
    assert [head.split(" | ")[0] for head in heads] == [
        "## The accelerator", "| 2.flips", "## Lottery tickets and token selection (paper 1)", "| 3.lottery-round-05",
        "## Searched formats (paper 2)", "| 3.search-digits", "## Synapse pruning and neurons that learn (paper 3)",
        "| 3.dsp-25", "## Other figures", "| 4.else",
    ]  # fmt: skip


def test_a_row_in_words() -> None:
    trains = "python benchmarks/compression.py --again --cell dsp && python benchmarks/run.py compression"
    text = draw(
        {"3.dsp-25": row({"a": 1, "b": 2.5}, trains, met=False, bar="more", note="n", seeds="1")}, "![p](p.svg)"
    )
    assert "| 3.dsp-25 | a 1, b 2.5 x | more | **no** | n; seeds 1 | `python benchmarks/compression.py --again --cell dsp` |" in text  # fmt: skip  # noqa: E501
    assert "![p](p.svg)" in text
    assert words({"a": 1, "b": {"c": 2, "d": 3}}) == "a 1, b (c 2, d 3)"
