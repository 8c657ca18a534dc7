"""Cells of the compression figures: python benchmarks/compression.py --cell lottery:0, or --all, two at a time.

Each cell is one method on one fold of the protocol (protocol.py); a cell that has been computed is not computed again.
``python benchmarks/run.py compression`` draws the rows of docs/results.json from the cells that are there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cells_guided
import cells_lottery
import cells_pruning
import cells_search
from protocol import FOLDS, read_cell, write_cell

#: In an order in which a cell comes after those whose checkpoints it needs.
CELLS: dict[str, Callable[[int], dict[str, Any]]] = {
    **cells_lottery.CELLS,
    **cells_pruning.CELLS,
    **cells_search.CELLS,
    **cells_guided.CELLS,
}


def compute(cell: str, again: bool) -> None:
    """One cell, unless its result is there."""
    name, _, fold = cell.partition(":")
    if name not in CELLS or not fold.isdecimal() or int(fold) not in FOLDS:
        sys.exit(f"error: there is no cell {cell!r}: NAME:FOLD, names are {', '.join(CELLS)}, folds 0 to 4")
    if read_cell(name, int(fold)) is not None and not again:
        print(f"{cell}: computed before", flush=True)
        return
    start = time.monotonic()
    write_cell(name, int(fold), CELLS[name](int(fold)))
    print(f"{cell}: {time.monotonic() - start:.0f} s", flush=True)


def compute_all(jobs: int) -> None:
    """Every cell that is missing, fold by fold, ``jobs`` folds side by side."""
    waiting = list(FOLDS)
    running: dict[int, subprocess.Popen[bytes]] = {}
    while waiting or running:
        for fold, process in list(running.items()):
            if process.poll() is not None:
                if process.returncode:
                    sys.exit(f"error: fold {fold} ended with status {process.returncode}")
                del running[fold]
        while waiting and len(running) < jobs:
            fold = waiting.pop(0)
            cells = [part for name in CELLS for part in ("--cell", f"{name}:{fold}")]
            running[fold] = subprocess.Popen([sys.executable, str(Path(__file__)), *cells])
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cell", action="append", default=[], metavar="NAME:FOLD", help="compute this cell")
    parser.add_argument("--all", action="store_true", help="compute every cell that is missing")
    parser.add_argument("--jobs", type=int, default=2, help="folds side by side with --all [2]")
    parser.add_argument("--again", action="store_true", help="compute the named cells although they are there")
    parser.add_argument("--list", action="store_true", help="show which cells are there")
    given = parser.parse_args()
    if given.list:
        for name in CELLS:
            print(name, *(f"{fold}:{'yes' if read_cell(name, fold) else 'no'}" for fold in FOLDS))
    for cell in given.cell:
        compute(cell, given.again)
    if given.all:
        compute_all(given.jobs)


if __name__ == "__main__":
    main()
