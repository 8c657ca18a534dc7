"""One process that judges hostile packages: the reader, ``info`` and ``generate``, in it; a line of JSON for each.

    python -P benchmarks/trust/hostile_worker.py read|generate FOLDER SEED...

It may not take more than a gibibyte beyond what its imports take: an allocation that would is a MemoryError, which
counts as a traceback. A call that takes longer than its time is a hang.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from typer.testing import CliRunner

from spikewright.boards.registry import board_names, family_of, load_board
from spikewright.cli import app
from spikewright.compiler.compile import compile_package
from spikewright.compiler.fit import ShapeRequest
from spikewright.errors import PlainError
from spikewright.flow.generate import generate
from spikewright.models.package import read_package
from spikewright.sim.stimulus.hostile import HostileFile, hostile_file

#: Seconds that a call may take.
READ, GENERATE = 10, 60
GIB = 1 << 30
#: Longest sentence, without the path: a few echoes of at most 80 characters, and what is allowed.
LONGEST = 500
BOARD = "ulx3s-85f"
#: Small engines, so that a design takes seconds and not a minute.
REQUESTS = (ShapeRequest(8, 1, 1), ShapeRequest(8, 2, 2), ShapeRequest(8, 2, 1, skip=False), ShapeRequest(16, 3, 1))


class Hang(BaseException):
    """A call has taken too long; no ``except Exception`` may catch it."""


def timed(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call returns; ``Hang`` where it takes longer."""

    def stop(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def verdict(seconds: float, call: Callable[[], Any], allowed: type[Exception] = PlainError) -> dict[str, Any]:
    """What became of a call: ``done``, ``refused`` with its sentence, ``hang``, or ``traceback`` with its text."""
    start = time.monotonic()
    try:
        timed(seconds, call)
        result: dict[str, Any] = {"end": "done"}
    except Hang:
        result = {"end": "hang"}
    except allowed as error:
        result = {"end": "refused", "sentence": str(error)}
    except Exception:
        result = {"end": "traceback", "text": traceback.format_exc()[-3000:]}
    return result | {"seconds": round(time.monotonic() - start, 3)}


def read_and_info(path: Path, seed: int) -> dict[str, Any]:
    """The reader and ``info`` on one file; they must agree."""
    reader = _said(path, verdict(READ, lambda: read_package(path)))
    command: dict[str, Any] = verdict(READ, lambda: _info(path))
    if {reader["end"], command["end"]} == {"done", "refused"}:
        command["end"] = "disagrees"
    return {"reader": reader, "info": command}


def _info(path: Path) -> None:
    result = CliRunner().invoke(app, ["info", str(path)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = result.stderr.splitlines()
    if result.exit_code == 1 and len(lines) == 1 and lines[0].startswith("error: "):
        raise PlainError(lines[0])
    if result.exit_code or lines:
        raise AssertionError(f"info ends with {result.exit_code} and says {result.stderr[:500]!r}")


def compiled(path: Path, seed: int) -> dict[str, Any]:
    """The compiler on a package that is read, with all the shapes that it tries for a board."""
    names = board_names()
    board = load_board(names[seed % len(names)])
    package = read_package(path)

    def packed() -> None:
        program = compile_package(package, family_of(board).device(board))
        assert program.roms
        assert program.trace_map

    return {"choose": _said(path, verdict(GENERATE, packed))}


def generated(path: Path, seed: int) -> dict[str, Any]:
    """The compiler, and the whole of ``generate``, with a small engine."""
    out = path.with_name("BUILD")
    request = REQUESTS[seed % len(REQUESTS)]
    made = _said(path, verdict(GENERATE, lambda: generate(path, BOARD, out, request)))
    if made["end"] == "refused" and out.exists():
        made["end"] = "half a BUILD"
    shutil.rmtree(out, ignore_errors=True)
    return compiled(path, seed) | {"generate": made}


def _said(path: Path, call: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a call, where a refusal must be a short line without control characters."""
    plain = call.get("sentence", "fine").replace(str(path), "")
    return call if plain and plain.isprintable() and len(plain) <= LONGEST else call | {"end": "bad sentence"}


JUDGES = {"read": read_and_info, "compile": compiled, "generate": generated}


def judge(file: HostileFile, what: str, folder: Path, seed: int) -> dict[str, Any]:
    """What became of one file."""
    path = folder / "hostile.safetensors"
    path.write_bytes(file.data)
    about = {"seed": seed, "kinds": file.kinds, "inside": file.inside, "ops": file.ops, "bytes": len(file.data)}
    return about | {"calls": JUDGES[what](path, seed)}


def _status(key: str) -> int:
    """Bytes that the kernel tells of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def main(what: str, folder: Path, seeds: list[int]) -> None:
    """Judge the files of the seeds; the last line tells the memory taken beyond the imports."""
    torch.set_num_threads(1)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    most = _status("VmData") + GIB
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))  # not of addresses: yosys reserves four gibibytes
    for seed in seeds:
        print(json.dumps(judge(hostile_file(seed), what, folder, seed)), flush=True)
    print(json.dumps({"memory": _status("VmHWM") - before}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(seed) for seed in sys.argv[3:]])
