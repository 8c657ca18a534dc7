"""docs/results.json, one row a figure, and docs/results.md drawn from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from page import draw
from plots import curves

DOCS = Path(__file__).parent.parent / "docs"
JSON, TEXT, PLOT = DOCS / "results.json", DOCS / "results.md", DOCS / "results.svg"


@dataclass(frozen=True)
class Row:
    """One figure. bar: what it was to reach, in words; met: whether it did (None: no bar)."""

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
    """Put rows in place of those of the same id, and draw the table."""
    known = load() | {row.id: asdict(row) for row in rows}
    JSON.write_text(json.dumps([known[key] for key in sorted(known)], indent=1) + "\n")
    picture = curves(known)
    if picture is not None:
        PLOT.write_bytes(picture)
    TEXT.write_text(draw(known, f"![Points lost over what is gone]({PLOT.name})" if picture else ""))
