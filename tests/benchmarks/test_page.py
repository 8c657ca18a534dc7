"""docs/results.md: every row stands once, under its heading, in words."""

from typing import Any

from benchmarks.page import draw, words


def row(value: Any = 1, command: str = "python benchmarks/run.py reference", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": "x", "bar": "", "met": None, "command": command, "seeds": "", "note": "", **more}


def test_rows_stand_once_under_the_heading_of_their_method() -> None:
    rows = {
        key: row()
        for key in (
            "compress.dsp-25",
            "hw.flips",
            "hw.full-size-a",
            "hw.leak-product",
            "hw.package-digits",
            "compress.lottery-round-05",
            "compress.search-digits",
            "else",
        )
    }
    lines = draw(rows).splitlines()
    heads = [line for line in lines if line.startswith(("## ", "| hw.", "| compress.", "| else"))]
    assert [head.split(" | ")[0] for head in heads] == [
        "## Committed packages", "| hw.package-digits",
        "## Networks of published size", "| hw.full-size-a",
        "## What a feature costs", "| hw.leak-product",
        "## The accelerator", "| hw.flips",
        "## Lottery tickets and token selection (paper 1)", "| compress.lottery-round-05",
        "## Searched formats (paper 2)", "| compress.search-digits",
        "## Synapse pruning and neurons that learn (paper 3)", "| compress.dsp-25",
        "## Other figures", "| else",
    ]  # fmt: skip


def test_a_row_in_words() -> None:
    trains = "python benchmarks/run.py cells --again --cell dsp && python benchmarks/run.py compression"
    text = draw(
        {"compress.dsp-25": row({"a": 1, "b": 2.5}, trains, met=False, bar="more", note="n", seeds="1")}, "![p](p.svg)"
    )
    line = "| compress.dsp-25 | a 1, b 2.5 x | more | **no** | n; seeds 1 | `{}` |"
    assert line.format("python benchmarks/run.py cells --again --cell dsp") in text
    assert "![p](p.svg)" in text
    assert words({"a": 1, "b": {"c": 2, "d": 3}}) == "a 1, b (c 2, d 3)"
