"""The wheel in a fresh virtual environment and an empty folder: no repository, no development tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, command
from benchmarks.results import Row
from benchmarks.see.browser import look
from spikewright.view.verify import faults

COMMAND = command("see")


def wheel_row() -> Row:
    """Build, install, ``examples``, ``demo`` of an example, its page, and a copy of another."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        dist, empty = folder / "dist", folder / "empty"
        empty.mkdir()
        source = folder / "clone"
        _run("git", "clone", "-q", ROOT, source, cwd=folder)
        _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", dist, source,
             cwd=folder)  # fmt: skip
        (wheel,) = dist.glob("*.whl")
        _run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
        python = folder / "venv" / "bin" / "python"
        _run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
        program = folder / "venv" / "bin" / "spikewright"
        listed = json.loads(_run(program, "examples", "--json", cwd=empty))["examples"]
        _run(program, "demo", "-o", "demo", cwd=empty)
        report = json.loads((empty / "demo" / "report.json").read_text())
        page = empty / "demo" / "report.html"
        wrong, seen = faults(page.read_text(), page.parent), look(page)
        _run(program, "examples", "event", "-o", "mine", cwd=empty)
        _run(program, "info", "mine", cwd=empty)
        copied = sorted(path.name for path in (empty / "mine").iterdir())
        megabytes = round(wheel.stat().st_size / 1e6, 2)
    met = megabytes <= 2 and report["bit_exact"] and not (wrong or seen.console or seen.requests)
    note = f"{len(listed)} examples; {report['images']} images, {report['mismatches']} values differ; copied: "
    return Row("see.wheel", COMMAND, megabytes, "MB of the wheel; demo, examples and page without the repository",
               "works; at most 2 MB", met, note=note + ", ".join(copied))  # fmt: skip


def _run(*words: object, cwd: Path) -> str:
    """What a command prints, without anything of this checkout around it."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr[-2000:]}")
    return done.stdout
