"""Pages in a browser, commands for scripts, the wheel alone."""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.common import ROOT, command
from benchmarks.results import Row, merge
from benchmarks.see.pages import CASES, page_row
from benchmarks.see.wheel import wheel_row

#: Walks every command with --json and with --quiet, those that take minutes too.
SCRIPTS = "tests/spikewright/test_scripts.py"


def rows() -> list[Row]:
    """A row a page, drawn as soon as it is measured; then the commands and the wheel."""
    found = []
    for measure in (*(lambda case=case: page_row(case) for case in CASES), scripts_row, wheel_row):
        found.append(measure())
        merge(found[-1:])
    return found


def scripts_row() -> Row:
    """The test that walks all commands."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "", SCRIPTS]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    closing = done.stdout.strip().splitlines()[-1]
    passed, others = (
        sum(map(int, re.findall(rf"(\d+) (?:{word})", closing))) for word in ("passed", "failed|error|skip")
    )
    return Row("see.scripts", command("see"), passed, "tests that walk all commands with --json and --quiet",
               "one JSON document of documented keys; nothing but errors", done.returncode == 0 and not others,
               note=f"{SCRIPTS}: {others} failed or skipped")  # fmt: skip
