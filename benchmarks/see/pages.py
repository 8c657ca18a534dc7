"""A row a page: its size, the time to draw it, what a browser says of it, and whether its numbers are the report's."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.common import command
from benchmarks.results import Row
from benchmarks.see import builds
from benchmarks.see.browser import look
from spikewright.view.verify import faults, page_numbers

COMMAND = command("see")
BAR = (
    "≤ 3 MB, drawn in ≤ 2 s without torch, loaded in ≤ 1 s, 0 errors of the console, 0 requests, every number the "
    "report's"
)
#: Id → what it is of, how it is made, what must stand on its page.
CASES: dict[str, tuple[str, Callable[[], Path], str]] = {
    "reference": ("the reference demo, 360 images, not synthesised", partial(builds.demo, "clutter-digits"), "Fmax"),
    "vgg": ("a VGG, 360 images", partial(builds.demo, "vgg"), "Firing rates"),
    "event": ("event frames, 360 images", partial(builds.demo, "event"), "Firing rates"),
    "ten-selectors": ("a network of ten selectors", builds.ten_selectors, "kept"),
    "one-image": ("one image", builds.one_image, "Spikes of one image"),
    "failed": ("a failed comparison", builds.failed, "the first mismatch is in this layer"),
    "placed": ("a placed design", builds.placed, "Floorplan"),
    "run": ("the run of recipes/spikformer.yaml, from its committed log", builds.committed_run, "Loss"),
}
#: Draws a page in a fresh interpreter and says which of the large libraries came with it.
_DRAW = """
import sys
from spikewright.cli import main
try:
    main()
finally:
    print("imported", *sorted({"torch", "amaranth", "scipy", "matplotlib"} & set(sys.modules)))
"""


def rows() -> list[Row]:
    return [page_row(case) for case in CASES]


def page_row(case: str) -> Row:
    of, make, expected = CASES[case]
    folder = make()
    seconds, imported = drawn(folder)
    page = folder / "report.html"
    text = page.read_text()
    wrong, seen = faults(text, folder), look(page)
    value = {
        "mb": round(page.stat().st_size / 1e6, 2),
        "drawn_s": round(seconds, 2),
        "loaded_s": round(seen.loaded / 1000, 2),
        "console": len(seen.console),
        "requests": len(seen.requests),
        "numbers": page_numbers(text, folder),
        "wrong": len(wrong),
    }
    met = value["mb"] <= 3 and seconds <= 2 and seen.loaded <= 1000 and bool(value["numbers"]) and expected in text
    met = met and not (wrong or seen.console or seen.requests or imported)
    note = "; ".join([*(f"imports {name}" for name in imported), *wrong[:3], *seen.console[:3], *seen.requests[:3]])
    return Row(f"see.page-{case}", COMMAND, value, f"of {of}", BAR, met, note=note)


def drawn(folder: Path) -> tuple[float, list[str]]:
    """Least seconds of three that ``spikewright report`` takes, and what it should not have imported."""
    times, imported = [], list[str]()
    for _ in range(3):
        start = time.monotonic()
        words = [sys.executable, "-c", _DRAW, "report", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        times.append(time.monotonic() - start)
        found = re.search(r"^imported(.*)$", done.stdout, re.MULTILINE)
        imported = found[1].split() if found else ["?"]
    return min(times), imported
