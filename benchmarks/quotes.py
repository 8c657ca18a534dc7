"""Figures that prose quotes: each stands in front of the row that it is of, and is drawn from it.

``+0.33 (`compress.lottery`)`` is the value of that row. Behind a colon stands a part of it: of a value of several
parts its key, as in ``5.265 (`compress.search-digits-3.67-energy:a`)``, or a figure of the row's note by the names of
:data:`NOTED`, as in ``-2.97 (`compress.search-events:bound`)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.common import ROOT

Rows = Mapping[str, dict[str, Any]]
#: Pages whose figures are drawn.
PAGES = (ROOT / "README.md", ROOT / "docs" / "findings.md")
#: Figures of a note, as benchmarks/compression writes it.
NOTED = {
    "accuracy": r"^([\d.]+) % against",
    "control": r"% against ([\d.]+) %",
    "low": r"\[(-?[\d.]+),",
    "high": r", (-?[\d.]+)\]",
    "bound": r"one-sided bound (-?[\d.]+)",
    "stored": r"average and ([\d.]+)x fewer stored against",
    "control-stored": r"against [\d.]+ bits on average and ([\d.]+)x fewer stored",
    "energy-a": r"energy ([\d.]+) of it by model a",
    "energy-b": r"of it by model a, ([\d.]+) by b",
    "leaks": r"grids ([\d.]+) % of the leaks",
    "over-magnitude": r"without maps: ([+-]?[\d.]+)",
}
#: How a quote begins behind its figure.
OPENS = re.compile(r"\(`(?:hw|compress)\.")
QUOTE = re.compile(
    r"(?P<figure>[+-]?(?:\d{1,3}(?: \d{3})+|\d+)(?:\.\d+)?(?:/\d+)?)(?P<between>[^`()\d]*)"
    r"\(`(?P<id>(?:hw|compress)\.[^`:]+)(?::(?P<part>[^`]+))?`\)"
)


def noted(note: str, part: str) -> str:
    """A figure of a note, as it stands there."""
    match = re.search(NOTED[part], note)
    assert match is not None, f"no {part} in {note!r}"
    return match[1]


def requoted(text: str, rows: Rows) -> str:
    """The text with every figure as its row has it; one that is right stays as it is written."""
    return QUOTE.sub(lambda quote: _drawn(quote, rows), text)


def _drawn(quote: re.Match[str], rows: Rows) -> str:
    row, written = rows[quote["id"]], quote["figure"]
    if quote["part"] is None:
        figure = str(row["value"])
    elif isinstance(row["value"], dict) and quote["part"] in row["value"]:
        figure = str(row["value"][quote["part"]])
    else:
        figure = noted(row["note"], quote["part"])
    if _number(written) == _number(figure):
        return quote[0]
    if " " in written and "." not in figure and "/" not in figure:
        figure = f"{int(figure):,}".replace(",", " ")
    if written[0] in "+-" and figure[0] not in "+-":
        figure = f"+{figure}"
    return figure + quote[0].removeprefix(written)


def _number(figure: str) -> float | str:
    """What a figure says, however it is written; of a fraction its text."""
    plain = figure.replace(" ", "")
    return plain if "/" in plain else float(plain)
