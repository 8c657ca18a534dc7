"""One campaign on one worker, on two, on Ray, and with a worker killed: the reports are equal."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import ROOT, command
from benchmarks.results import Row

COMMAND = command("campaign")
WORK = ROOT / "build" / "benchmarks" / "workers"
GRAPHS = 400
#: Way → words of its command, and whether a worker is killed.
WAYS = {
    "1-process": (("--workers", "1"), False),
    "2-processes": (("--workers", "2"), False),
    "2-processes-killed": (("--workers", "2"), True),
    "ray-1": (("--ray", "local", "--workers", "1"), False),
    "ray-2": (("--ray", "local", "--workers", "2"), False),
    "ray-2-killed": (("--ray", "local", "--workers", "2"), True),
}


def worker_rows() -> list[Row]:
    """One row: how many ways gave the report of the first."""
    ways = [way for way in WAYS if importlib.util.find_spec("ray") or not way.startswith("ray")]
    reports = {way: report_bytes(way) for way in ways}
    equal = sum(report is not None and report == reports["1-process"] for report in reports.values())
    missing = [way for way in WAYS if way not in ways]
    note = f"{GRAPHS} graphs: {', '.join(ways)}" + (f"; Ray is not installed: {', '.join(missing)}" if missing else "")
    return [
        Row("trust.campaign-workers", COMMAND, f"{equal}/{len(WAYS)}", "ways to run a campaign give equal reports",
            "all", equal == len(WAYS), note=note)
    ]  # fmt: skip


def report_bytes(way: str) -> bytes | None:
    """The report of a campaign that ran that way; None where there is none, or no worker could be killed."""
    words, kill = WAYS[way]
    folder = WORK / way
    shutil.rmtree(folder, ignore_errors=True)
    command_line = [sys.executable, "-m", "spikewright", "campaign", "--graphs", str(GRAPHS), *words, "-o", str(folder)]
    with subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        if kill and not _kill_a_worker(process, folder):
            process.wait()
            return None
        process.wait()
    file = folder / "report.json"
    return file.read_bytes() if file.is_file() else None


def _kill_a_worker(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Kill one process that works on a part, once the first part is done."""
    while process.poll() is None:
        if any((folder / "parts").glob("*.json")):
            for child in _descendants(process.pid):
                name = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
                if b"ray::_do" in name or b"spawn_main" in name:
                    os.kill(child, signal.SIGKILL)
                    return True
        time.sleep(0.2)
    return False


def _descendants(pid: int) -> list[int]:
    """Processes below one, those of Ray's own servers too."""
    children = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if _parent(path) == pid
    ]  # fmt: skip
    return [*children, *(below for child in children for below in _descendants(child))]


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1
