"""The rows of docs/results.json, one a figure, and all that is drawn from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.common import ROOT
from benchmarks.compression.plots import curves
from benchmarks.package_table import PAGE as PACKAGES
from benchmarks.package_table import drawn
from benchmarks.page import draw
from benchmarks.quotes import PAGES, requoted

DOCS = ROOT / "docs"
JSON, TEXT, PLOT = DOCS / "results.json", DOCS / "results.md", DOCS / "results.svg"


@dataclass(frozen=True)
class Row:
    """One figure.

    id: of the accelerator ``hw.…``, of compression ``compress.…``, of the sources ``house.…``, of trust ``trust.…``
    command: what measures it anew
    bar: what it was to reach, in words
    met: whether it did; None without a bar
    """

    id: str
    command: str
    value: Any
    unit: str
    bar: str = ""
    met: bool | None = None
    seeds: str = ""
    note: str = ""


def load() -> dict[str, dict[str, Any]]:
    """Rows by id."""
    return {row["id"]: row for row in json.loads(JSON.read_text())} if JSON.is_file() else {}


def merge(rows: list[Row]) -> None:
    """Put rows in place of those of the same id, and draw the tables, the curves, and the figures that prose quotes."""
    known = load() | {row.id: asdict(row) for row in rows}
    JSON.write_text(json.dumps([known[key] for key in sorted(known)], indent=1) + "\n")
    picture = curves(known)
    if picture is not None:
        PLOT.write_bytes(picture)
    TEXT.write_text(draw(known, f"![Points lost over what is gone]({PLOT.name})" if picture else ""))
    for page, renewed in [*((page, requoted) for page in PAGES), (PACKAGES, drawn)]:
        text = page.read_text()
        if (new := renewed(text, known)) != text:
            page.write_text(new)
