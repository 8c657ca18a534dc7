"""``make test`` in fresh clones, with every Python that is promised; and whether a test was lost on the way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.common import ROOT, command
from benchmarks.house.two_sides import COMMIT, sources_of
from benchmarks.results import Row

COMMAND = command("suite")
PYTHONS = ("3.11", "3.12", "3.13")
#: Tests that were there before under another name, or with more parameters: name → what has taken their place.
REPLACED = {
    "test_an_interrupted_write_leaves_nothing": "itself without the moment of chmod, which is not called any more",
    "test_list_of_packages_equals_the_folders": "test_wheel_holds_every_file_and_nothing_else",
    "test_leaves_import_no_room": "test_imports_go_left, of all rooms and leaves at once",
    "test_imports_go_left": "itself, of all rooms at once",
    "test_times_of_32_bits_stay_positive": "test_aedat2_refuses_negative_times",
}
_CLOSING = re.compile(r"^=+ (.*(?:passed|failed).*) in ([\d.]+)s", re.MULTILINE)
_FAILED = re.compile(r"^FAILED \S+", re.MULTILINE)


def rows() -> list[Row]:
    """The suite under every Python, and the tests that are gone."""
    return [*(_suite(version) for version in PYTHONS), _lost()]


def _suite(version: str) -> Row:
    """``make test`` in a fresh clone; its time without setting up, by the clock."""
    python = shutil.which(f"python{version}")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MAKEFLAGS", "VIRTUAL_ENV")}
        words = ["make", f"PYTHON={python}"]
        subprocess.run([*words, "test-quick", "PYTEST_ARGS=--collect-only -q"], cwd=clone, env=env, capture_output=True)
        start = time.monotonic()
        done = subprocess.run([*words, "test"], cwd=clone, env=env, capture_output=True, text=True)
        minutes = round((time.monotonic() - start) / 60, 2)
    closing = _CLOSING.findall(done.stdout)
    note = "; ".join([closing[-1][0], *_FAILED.findall(done.stdout)]) if closing else done.stdout[-200:]
    met = done.returncode == 0 and minutes <= 14
    unit, bar = "minutes of make test on two cores", "passes, at most 14"
    return Row(f"house.make-test-{version}", COMMAND, minutes, unit, bar, met, note=note)


def collected(tree: Path, path: Path | None) -> Counter[str]:
    """Tests of a tree by name, with the number of their parameters, without their files."""
    env = {**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})}
    words = [sys.executable, "-P", "-m", "pytest", "--collect-only", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    listing = subprocess.run(words, cwd=tree, env=env, capture_output=True, text=True, check=True).stdout
    return Counter(line.partition("::")[2].partition("[")[0] for line in listing.splitlines() if "::" in line)


def _lost() -> Row:
    farm = sources_of(COMMIT)
    before, after = collected(farm.parent / "tree", farm), collected(ROOT, None)
    gone = before - after
    lost = sorted(name for name in gone if name not in REPLACED)
    moved = ", ".join(f"{name} by {place}" for name, place in sorted(REPLACED.items()))
    note = f"{sum(before.values())} before, {sum(after.values())} now; replaced: {moved}"
    if lost:
        note += f"; lost: {', '.join(lost)}"
    return Row("house.tests-lost", COMMAND, len(lost), "tests that nothing has replaced", "0", not lost, note=note)
