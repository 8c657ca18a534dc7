"""Hostile packages: 20 000 through the reader and ``info``, a thousand of them through ``generate``, 200 as commands.

Two processes judge chunks of seeds (hostile_worker.py); what a chunk gave lies in ``build/benchmarks/hostile/SOURCES/``
and is not judged again while the sources are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, command
from benchmarks.results import Row

COMMAND = command("hostile")
WORKER = ROOT / "benchmarks" / "trust" / "hostile_worker.py"
PACKAGES, CHUNK = 20_000, 500
GENERATED, GENERATE_CHUNK = 1_040, 20
COMMANDS = 200
#: Seconds without a line after which a worker is ended: beyond what it gives a call itself.
SILENT = 150
WORKERS = 2
BOARD = "ulx3s-85f"
Result = dict[str, Any]


def sources() -> str:
    """A hash of all code that is run."""
    digest = hashlib.sha256()
    rooms = sorted(link.resolve() for link in (ROOT / "spikewright").iterdir() if link.is_symlink())
    for folder in (*rooms, ROOT / "benchmarks" / "trust", ROOT / "spikewright"):
        for path in sorted(folder.glob("**/*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def judged(what: str, seeds: list[int], folder: Path) -> list[Result]:
    """The verdicts on a chunk: from its file, or by a worker; a worker that hangs or dies is a verdict on its seed."""
    file = folder / f"{what}-{seeds[0]}-{len(seeds)}.json"
    if file.is_file():
        results: list[Result] = json.loads(file.read_text())
        return results
    results, left = [], list(seeds)
    while left:
        with tempfile.TemporaryDirectory() as work:
            lines, end = _worker(what, left, Path(work))
        results += lines
        done = [line["seed"] for line in lines if "seed" in line]
        left = left[len(done) :]
        if left and not any("memory" in line for line in lines):
            results.append(
                {"seed": left[0], "calls": {what: {"end": end, "seconds": SILENT}}, "kinds": [], "inside": False}
            )
            left = left[1:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results))
    return results


def _worker(what: str, seeds: list[int], work: Path) -> tuple[list[Result], str]:
    """The lines that a worker said, and how it ended: ``hang``, or ``died`` with what it wrote last."""
    words = [sys.executable, "-P", WORKER, what, work, *map(str, seeds)]
    out, err = work / "out", work / "err"
    with out.open("w") as lines, err.open("w") as errors:
        process = subprocess.Popen(words, stdout=lines, stderr=errors, cwd=ROOT)
        size, last = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            if out.stat().st_size != size:
                size, last = out.stat().st_size, time.monotonic()
            if time.monotonic() - last > SILENT:
                process.kill()
                process.wait()
                return _whole_lines(out), "hang"
    return _whole_lines(out), f"died: {err.read_text()[-500:]}"


def _whole_lines(out: Path) -> list[Result]:
    return [json.loads(line) for line in out.read_text().splitlines(keepends=True) if line.endswith("\n")]


def all_judged(what: str, seeds: list[int], chunk: int, folder: Path) -> list[Result]:
    """The verdicts on all seeds, two workers at a time."""
    chunks = [seeds[i : i + chunk] for i in range(0, len(seeds), chunk)]
    results: list[Result] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for done, part in enumerate(pool.map(lambda some: judged(what, some, folder), chunks), start=1):
            results += part
            if done % max(1, len(chunks) // 10) == 0 or done == len(chunks):
                print(f"  {what}: {done} of {len(chunks)} chunks", flush=True)
    return results


def as_command(seed: int, generates: bool) -> Result:
    """One package through the command line, as a user would."""
    from spikewright.sim.stimulus.hostile import hostile_file

    with tempfile.TemporaryDirectory() as work:
        path, out = Path(work) / "p.safetensors", Path(work) / "BUILD"
        path.write_bytes(hostile_file(seed).data)
        options = ["generate", path, "--board", BOARD, "--lanes", "8", "--banks", "1", "--streams", "1", "-o", out]
        words = options if generates else ["info", path]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        start = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "spikewright", *map(str, words)], cwd=work, env=environment,
                capture_output=True, text=True, timeout=120,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"seed": seed, "calls": {"command": {"end": "hang", "seconds": 120}}}
        lines = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
        refused = done.returncode == 1 and len(lines) == 1 and lines[0].startswith("error: ")
        end = (
            "refused" if refused and not out.exists() else "done" if not done.returncode and not lines else "traceback"
        )
        text = {} if end != "traceback" else {"text": done.stderr[-2000:]}
        return {"seed": seed, "calls": {"command": {"end": end, "seconds": time.monotonic() - start, **text}}}


def commands(folder: Path) -> list[Result]:
    """Commands on packages from the whole range of seeds: every fourth generates."""
    file = folder / "commands.json"
    if not file.is_file():
        seeds = range(0, PACKAGES, PACKAGES // COMMANDS)
        with ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(lambda seed: as_command(seed, seed // (PACKAGES // COMMANDS) % 4 == 0), seeds))
        file.write_text(json.dumps(results))
    results = json.loads(file.read_text())
    return results


def rows() -> list[Row]:
    """What became of all of them."""
    folder = ROOT / "build" / "benchmarks" / "hostile" / sources()
    read = all_judged("read", list(range(PACKAGES)), CHUNK, folder)
    files = [result for result in read if "seed" in result]
    accepted = [f["seed"] for f in files if ends(f) == {"done"} and f["bytes"] <= 20_000]
    made = all_judged("generate", accepted[:GENERATED], GENERATE_CHUNK, folder)
    builds = [result for result in made if "seed" in result]
    told = commands(folder)
    bad = [result for result in (*files, *builds, *told) if not ends(result) <= {"done", "refused"}]
    for result in bad[:20]:
        print(f"  seed {result['seed']}: {json.dumps(result['calls'])[-600:]}", flush=True)
    hangs = [result for result in bad if "hang" in ends(result)]
    inside = 100 * sum(file["inside"] for file in files) / len(files)
    memory = max(result["memory"] for result in read + made if "memory" in result) / 2**20
    ops = Counter(op for file in files for op in file.get("ops", []))
    built = sum(result["calls"].get("generate", {}).get("end") == "done" for result in builds)
    seeds = f"0 to {PACKAGES - 1}"
    bases = ", ".join(f"{count} {op}" for op, count in ops.most_common())
    read_note = (
        f"{len(accepted)} read, the others refused; {bases} in the bases; the slowest call took {slowest(files)} s"
    )
    built_note = f"{built} built, the others refused; the slowest call took {slowest(builds)} s"
    wrong = "; ".join(f"seed {result['seed']}" for result in bad[:10])
    figures: list[tuple[str, float, str, str, bool, str]] = [
        ("packages", len(files), "hostile packages through the reader and info", "20000", len(files) >= 20_000,
         read_note),
        ("inside", round(inside, 1), "% of them damaged in JSON or shapes behind a valid header", "at least 40",
         inside >= 40, ""),
        ("generated", len(builds), "of those that are read through generate", "at least 1000, each in 60 s",
         len(builds) >= 1000 and slowest(builds) <= 60, built_note),
        ("commands", len(told), "of all through the command line", "200", len(told) >= 200, ""),
        ("tracebacks", len(bad) - len(hangs), "of all that end in a traceback, no sentence or half a BUILD", "0",
         len(bad) == len(hangs), wrong),
        ("hangs", len(hangs), "of all that do not end in time", "0", not hangs, ""),
        ("memory", round(memory), "MiB beyond the imports, the most of any process", "at most 1024", memory <= 1024,
         ""),
    ]  # fmt: skip
    return [
        Row(f"trust.hostile-{key}", COMMAND, value, unit, bar, met, seeds, note)
        for key, value, unit, bar, met, note in figures
    ]


def ends(result: Result) -> set[str]:
    """How the calls on a file ended."""
    return {call["end"] for call in result["calls"].values()}


def slowest(results: list[Result]) -> float:
    """Seconds of the slowest call."""
    return float(max(call["seconds"] for result in results for call in result["calls"].values()))
