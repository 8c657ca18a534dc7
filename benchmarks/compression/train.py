"""Trains cells of the compression figures: python benchmarks/run.py cells --cell lottery:0, or --all, two at a time.

``--cell lottery`` means that cell on all its folds, one after the other. A cell that has been computed is not computed
again, unless by ``--again``. ``python benchmarks/run.py compression`` draws the rows of docs/results.json from the
cells that are there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.common import ROOT
from benchmarks.compression.cells import CELLS
from benchmarks.compression.protocol import FOLDS, read_cell, write_cell
from spikewright.compress.training.determinism import determinism


def folds_of(text: str) -> tuple[str, list[int]]:
    """The cell that NAME or NAME:FOLD means, and its folds; ends the program where there is none."""
    name, _, number = text.partition(":")
    folds = {str(fold): fold for fold in CELLS[name].folds} if name in CELLS else {}
    if name not in CELLS or (text != name and number not in folds):
        sys.exit(f"error: there is no cell {text!r}: NAME or NAME:FOLD, as --list shows them")
    return name, list(folds.values()) if text == name else [folds[number]]


def compute(name: str, fold: int, again: bool) -> None:
    """One cell, unless its answer is there.

    again: although it is
    """
    cell, text = CELLS[name], f"{name}:{fold}"
    if not again and read_cell(name, fold, cell.key(fold)) is not None:
        print(f"{text}: computed before", flush=True)
        return
    start = time.monotonic()
    with determinism(1):
        write_cell(name, fold, cell.key(fold), cell.compute(fold))
    print(f"{text}: {time.monotonic() - start:.0f} s", flush=True)


def compute_all(jobs: int, again: bool) -> None:
    """Every cell that is missing, fold by fold.

    jobs: how many folds side by side
    again: cells that are there, too
    """
    waiting = list(FOLDS)
    running: dict[int, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            for fold, process in list(running.items()):
                if process.poll() is not None:
                    if process.returncode:
                        sys.exit(f"error: fold {fold} ended with status {process.returncode}")
                    del running[fold]
            while waiting and len(running) < jobs:
                fold = waiting.pop(0)
                cells = [part for name in CELLS if fold in CELLS[name].folds for part in ("--cell", f"{name}:{fold}")]
                words = [str(ROOT / "benchmarks" / "run.py"), "cells", *cells, *(["--again"] if again else [])]
                running[fold] = subprocess.Popen([sys.executable, *words])
            time.sleep(1)
    finally:
        for process in running.values():
            process.terminate()


def main(words: Sequence[str]) -> None:
    """The command line behind ``run.py cells``."""
    parser = argparse.ArgumentParser(prog="run.py cells", description=__doc__.partition("\n")[0])
    parser.add_argument("--cell", action="append", default=[], metavar="NAME[:FOLD]", help="compute this cell")
    parser.add_argument("--all", action="store_true", help="compute every cell that is missing")
    parser.add_argument("--jobs", type=int, default=2, help="folds side by side with --all [2]")
    parser.add_argument("--again", action="store_true", help="compute cells although they are there")
    parser.add_argument("--list", action="store_true", help="show which cells are there")
    given = parser.parse_args(words)
    if given.list:
        for name, cell in CELLS.items():
            computed = (f"{fold}:{'yes' if read_cell(name, fold, cell.key(fold)) else 'no'}" for fold in cell.folds)
            print(name, *computed)
    for name, folds in [folds_of(text) for text in given.cell]:
        for fold in folds:
            compute(name, fold, given.again)
    if given.all:
        compute_all(given.jobs, given.again)
