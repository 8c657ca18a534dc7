"""Where the cells of a placed design lie, from the JSON that nextpnr writes: ``NEXTPNR_BEL`` of every cell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikewright.boards.report import Floorplan, ReportError

#: Squares of the longer side.
SQUARES = 32
_PLACE = re.compile(r"X(\d+)/Y(\d+)/")


def read_floorplan(path: Path, unit: Callable[[str], str]) -> Floorplan | None:
    """Density of each unit's cells over the device; None where the file places nothing, ReportError where it is none.

    unit: of a cell by its name.
    """
    try:
        modules: dict[str, Any] = json.loads(path.read_text())["modules"]
    except OSError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path.name}: not a placed design ({type(error).__name__}: {error})") from None
    cells: list[tuple[str, int, int]] = []
    for module in modules.values():
        for name, cell in module.get("cells", {}).items():
            if place := _PLACE.match(str(cell.get("attributes", {}).get("NEXTPNR_BEL", ""))):
                cells.append((unit(name), int(place[1]), int(place[2])))
    return density(cells) if cells else None


def density(cells: list[tuple[str, int, int]]) -> Floorplan:
    """Cells by unit and square. cells: unit, column and row of each."""
    wide, high = max(x for _, x, _ in cells) + 1, max(y for _, _, y in cells) + 1
    side = max(1, -(-max(wide, high) // SQUARES))
    columns, rows = -(-wide // side), -(-high // side)
    squares: dict[str, list[list[int]]] = {}
    for unit, x, y in cells:
        square = squares.setdefault(unit, [[0] * columns for _ in range(rows)])
        square[y // side][x // side] += 1
    names = sorted(squares)
    total = [[sum(squares[name][y][x] for name in names) for x in range(columns)] for y in range(rows)]
    return Floorplan(
        columns=columns,
        rows=rows,
        total=total,
        most=max(map(max, total)),
        units={name: sum(map(sum, squares[name])) for name in names},
        density={name: squares[name] for name in names},
    )
