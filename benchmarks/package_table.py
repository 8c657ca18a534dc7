"""The columns of packages/README.md that are measured: each line's last cells are drawn from its package's row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.common import ROOT

PAGE = ROOT / "packages" / "README.md"
#: Parts of a row's value, in the order of the cells.
DRAWN = ("rtl", "cycles", "images_per_second", "block_ram", "smallest")
_LINE = re.compile(r"^\| `(?P<name>[^`]+)` \|.*\|$", re.MULTILINE)


def drawn(text: str, rows: Mapping[str, dict[str, Any]]) -> str:
    """The page with its table's last cells as the rows have them; a package without a row stays as it is."""

    def line(match: re.Match[str]) -> str:
        row = rows.get(f"hw.package-{match['name']}")
        if row is None:
            return match[0]
        cells = match[0].strip("| ").split(" | ")[: -len(DRAWN)]
        return f"| {' | '.join([*cells, *(_cell(row['value'][part]) for part in DRAWN)])} |"

    return _LINE.sub(line, text)


def _cell(value: Any) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)
