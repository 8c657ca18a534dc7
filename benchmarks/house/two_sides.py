"""The committed packages compiled by an older commit and by this tree: files, netlists, and every word of a trace.

The older commit is checked out into a worktree and runs with its own code; both sides are then simulated by this tree's
harness, which reads no more of a BUILD than Verilog, ROM images and the list of descriptors.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT
from spikewright.compiler.target.structure import Structure
from spikewright.compiler.trace_map import TraceMap
from spikewright.models import data
from spikewright.models.package import read_package
from spikewright.sim.accelerator.run import SimulatedNetwork, run_pieces
from spikewright.sim.accelerator.simulator import build_simulator, simulator_cache
from spikewright.toolchain import search_path, synthesis_tools

#: The last commit on the plan before.
COMMIT = "4841641"
#: The committed packages that the accelerator takes.
PACKAGES = ("digits", "clutter-digits", "spikformer")
BOARD = "ulx3s-85f"
WORK = ROOT / "build" / "benchmarks" / "two-sides"
#: Keys of program.json that the older commit has under another name, or that carry a hash of the others.
RENAMED = {"layout": "trace_map"}

_READMEM = re.compile(r"\$readmem[hb]\s*\([^;]*\)\s*;")
#: Lines of yosys' statistics that are no kind of cell.
_SUMS = ("wires", "ports", "memories", "processes", "cells")
_CELL = re.compile(r"^ +(\d+)(?: +[\d.eE+-]+)? +(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    """One package on both sides.

    files: ROM images, structure and IR whose bytes differ; program: keys of program.json that differ; cells: kinds of
    cells (type and width) whose number differs; values: bits of every word, kept token and score that were compared;
    different: records that differ; counters: whether cycles, issued and skipped pairs are equal.
    """

    package: str
    files: tuple[str, ...]
    program: tuple[str, ...]
    cells: tuple[str, ...]
    cell_count: int
    values: int
    different: int
    counters: bool
    images: int


def sources_of(commit: str) -> Path:
    """A worktree of a commit, and beside it a folder in which it is the package ``spikewright``."""
    tree, farm = WORK / "tree", WORK / "farm"
    if not tree.is_dir():
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "--detach", "--force", tree, commit], cwd=ROOT, check=True)
    shutil.rmtree(farm, ignore_errors=True)
    (farm / "spikewright").mkdir(parents=True)
    rooms = [
        path.parent for path in tree.glob("*/__init__.py") if path.parent.name not in ("spikewright", "benchmarks")
    ]
    for entry in [*(tree / "spikewright").iterdir(), *rooms]:
        if not (farm / "spikewright" / entry.name).exists():
            (farm / "spikewright" / entry.name).symlink_to(entry)
    return farm


def generated(package: str, side: str, path: Path) -> Path:
    """The BUILD that the code on ``path`` makes of a package."""
    out = WORK / side / package
    code = "from spikewright.cli import main; main()"
    words = [sys.executable, "-P", "-c", code, "generate", ROOT / "packages" / package / "package.safetensors"]
    env = {**os.environ, "PYTHONPATH": str(path)}
    subprocess.run([*words, "--board", BOARD, "-o", out], cwd=WORK, env=env, check=True, capture_output=True)
    return out


def cells(build: Path) -> dict[str, int]:
    """Cells by type and width after ``hierarchy; proc; flatten; opt -full; clean -purge``."""
    if not (build / "cells.json").is_file():
        yosys = synthesis_tools(["yosys"])["yosys"]
        boxes = WORK / "boxes"  # the memories without their contents, which yosys would look for
        boxes.mkdir(exist_ok=True)
        memories = [path for path in sorted(build.glob("*.v")) if path.name != "accelerator.v"]
        for memory in memories:
            (boxes / memory.name).write_text(_READMEM.sub(";", memory.read_text()))
        script = "; ".join(
            [
                *(f"read_verilog -lib -sv {boxes / memory.name}" for memory in memories),
                "read_verilog -sv accelerator.v; hierarchy -top accelerator; proc; flatten; opt -full; clean -purge",
                "tee -q -o cells.txt stat -width",
            ]
        )
        env = {**os.environ, "PATH": search_path()}
        subprocess.run([yosys, "-q", "-p", script], cwd=build, env=env, check=True, capture_output=True)
        rows = _CELL.findall((build / "cells.txt").read_text())
        counts = {kind: int(count) for count, kind in rows if kind not in _SUMS}
        (build / "cells.json").write_text(json.dumps(counts))
    read: dict[str, int] = json.loads((build / "cells.json").read_text())
    return read


def compared(package: str, before: Path, after: Path) -> Difference:
    """Both sides of a package, on every test image of its data set."""
    names = sorted(path.relative_to(after).as_posix() for path in after.glob("roms/*.hex"))
    names += ["structure.json", "ir.json"]
    files = [name for name in names if (before / name).read_bytes() != (after / name).read_bytes()]
    missing = {path.name for path in before.glob("roms/*")} ^ {path.name for path in after.glob("roms/*")}
    programs = [json.loads((side / "program.json").read_text()) for side in (before, after)]
    old = {RENAMED.get(key, key): value for key, value in programs[0].items()}
    differ = [key for key in programs[1] if key not in RENAMED.values() and old.get(key) != programs[1][key]]
    counts = [cells(side) for side in (before, after)]
    kinds = sorted(kind for kind in {*counts[0], *counts[1]} if counts[0].get(kind) != counts[1].get(kind))
    values, different, counters, images = _traces(package, before, after)
    return Difference(
        package, (*files, *sorted(missing)), tuple(differ), tuple(kinds), sum(counts[1].values()),
        values, different, counters, images,
    )  # fmt: skip


def _traces(package: str, before: Path, after: Path) -> tuple[int, int, bool, int]:
    """Bits compared, records that differ, whether all counters are equal, and the number of images."""
    read = read_package(ROOT / "packages" / package / "package.safetensors")
    images = data.load(read.network.data).test.images
    traced = TraceMap.from_dict(json.loads((after / "program.json").read_text())["trace_map"])
    sides = []
    for side in (before, after):
        verilog = side / "accelerator.v"
        memories = sorted(path for path in side.glob("*.v") if path != verilog)
        structure = Structure.from_dict(json.loads((side / "structure.json").read_text()))
        built = build_simulator(structure, verilog, memories=memories, folder=simulator_cache())
        roms = tuple(sorted((side / "roms").glob("*.hex")))
        sides.append(run_pieces(SimulatedNetwork(read, traced, roms, side / "sim"), built, images))
    bits = different = 0
    equal = True
    for old, new in zip(*sides, strict=True):
        equal &= np.array_equal(old.answers.counters, new.answers.counters)
        equal &= np.array_equal(old.answers.scores, new.answers.scores)
        records = [piece.answers.records for piece in (old, new)]
        assert records[0] is not None
        assert records[1] is not None
        bits += len(records[1]) * traced.lanes + new.answers.scores.size * 32
        if len(records[0]) != len(records[1]):
            different += abs(len(records[0]) - len(records[1]))
            continue
        same = np.ones(len(records[1]), dtype=bool)
        for name in ("kind", "descriptor", "port", "addr"):
            same &= getattr(records[0], name) == getattr(records[1], name)
        same &= (records[0].packed == records[1].packed).all(axis=1)
        different += int((~same).sum())
    return bits, different, equal, len(images)


def differences(commit: str = COMMIT) -> list[Difference]:
    """Every package on both sides."""
    WORK.mkdir(parents=True, exist_ok=True)
    farm = sources_of(commit)
    return [
        compared(package, generated(package, "before", farm), generated(package, "after", ROOT)) for package in PACKAGES
    ]
