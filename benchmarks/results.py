"""docs/results.json, one row a figure, and docs/results.md drawn from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    TEXT.write_text(draw(known))
    picture = curves(known)
    if picture is not None:
        PLOT.write_bytes(picture)


def draw(rows: dict[str, dict[str, Any]]) -> str:
    """docs/results.md."""
    lines = [
        "# Results",
        "",
        "Drawn from `results.json` by `benchmarks/run.py`; every figure has the command that makes it again.",
        "",
        *(["![The compression methods: points lost over what is gone](results.svg)", ""] if curves(rows) else []),
        "| figure | value | bar | met | command | note |",
        "|---|---|---|---|---|---|",
    ]
    for key in sorted(rows):
        row = rows[key]
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        value = row["value"]
        if isinstance(value, dict):
            shown = ", ".join(f"{name} {part}" for name, part in value.items())
        else:
            shown = f"{value} {row['unit']}".strip()
        note = "; ".join(text for text in (row["note"], row["seeds"] and f"seeds {row['seeds']}") if text)
        lines.append(f"| {key} | {shown} | {row['bar']} | {met} | `{row['command']}` | {note} |")
    return "\n".join(lines) + "\n"
