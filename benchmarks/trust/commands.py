"""Commands on one BUILD as a user starts them, and whether what they said and left is right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import ROOT
from spikewright.flow.build_folder import open_build
from spikewright.models.data import load
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden

#: Two committed packages for images of one size; a BUILD of either may stand in one place.
PACKAGES = ("digits", "clutter-digits")
BOARD = "ulx3s-85f"
SHAPE = ("--lanes", "64", "--banks", "4", "--streams", "1")
COUNTS = (2, 3, 5)
RECIPE = {
    "data": "digits",
    "model": {"dim": 16, "depth": 1, "heads": 2, "steps": 2, "mlp_ratio": 2},
    "training": {"batch": 8, "images": 128},
    "teacher": {"epochs": 1},
    "constraints": {"quantisers": {"epochs": 1, "layers": {"*": {"scheme": "uniform", "bits": 4}}}},
}
#: What commands may say of each other.
REFUSED = re.compile(r"^error: BUILD (is in use by|was replaced by) another (spikewright )?command", re.MULTILINE)
#: Stand-ins for the tools of place and route, which would take minutes: a second each, and a report as nextpnr writes.
_TOOL = """#!/bin/sh
test "$1" != -V || exit 0
sleep 1
test "$(basename "$0")" != nextpnr-ecp5 || cp "{report}" nextpnr-report.json
echo made > top.bit
"""
_ROW = re.compile(r"^\s*(\d+)\s+(\d+)\s+\d+\s+\d+\s*$", re.MULTILINE)


@dataclass
class Place:
    """A folder in which commands work on ``BUILD``; what is right for its images is known from the golden model."""

    folder: Path
    classes: dict[str, list[int]] = field(default_factory=dict)
    labels: dict[str, list[int]] = field(default_factory=dict)

    @property
    def build(self) -> Path:
        return self.folder / "BUILD"

    def prepare(self) -> None:
        """Tools, a recipe, a BUILD of each network, and their simulators in the cache."""
        self.folder.mkdir(parents=True)
        report = ROOT / "tests" / "boards" / "data" / "nextpnr-report.json"
        for name in ("yosys", "nextpnr-ecp5", "ecppack"):
            tool = self.folder / "tools" / name
            tool.parent.mkdir(exist_ok=True)
            tool.write_text(_TOOL.format(report=report))
            tool.chmod(0o755)
        (self.folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
        for name in PACKAGES:
            package, test = read_package(package_file(name)), load(name).test
            self.classes[name] = golden(package, test.images[: max(COUNTS)]).classes.tolist()
            self.labels[name] = test.labels[: max(COUNTS)].tolist()
            for words in (self.words("generate", name), self.words("compare", 2)):
                done = self.start(words).communicate(timeout=600)
                assert self.build.is_dir(), done
            shutil.rmtree(self.folder / name, ignore_errors=True)
            self.build.rename(self.folder / name)

    def fresh(self, name: str = PACKAGES[0]) -> None:
        """The BUILD of a network as it was generated."""
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.copytree(self.folder / name, self.build, ignore=shutil.ignore_patterns("report.json", "timing.json"))

    def words(self, command: str, what: int | str = 2) -> list[str]:
        """Words of a command; what: number of images, or the network that is generated or shown."""
        rest = {
            "generate": [str(package_file(str(what))), "--board", BOARD, *SHAPE, "-o", "BUILD"],
            "demo": [str(package_file(str(what))), "--board", BOARD, "--images", "2", "-o", "BUILD"],
            "compress": ["recipe.yaml", "-o", "run"],
            "synthesize": ["BUILD"],
        }
        return [sys.executable, "-m", "spikewright", command, *rest.get(command, ["BUILD", "--images", str(what)])]

    def start(self, words: Sequence[str], **more: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own; more: of its environment."""
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        env["PATH"] = f"{self.folder / 'tools'}{os.pathsep}{env['PATH']}"
        env |= {"SPIKEWRIGHT_BUILDS": str(self.folder / "simulators"), **more}
        return subprocess.Popen(
            words, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def wrong(self, words: Sequence[str], status: int, out: str, err: str) -> str | None:
        """What is wrong with what a command said; None where it is right, or where it was refused by the lock."""
        command = words[3]
        if status == 1 and command in ("generate", "demo") and REFUSED.search(err):
            return None
        if status:
            return f"{command}: status {status}: {err.strip().splitlines()[-1:]}"
        if command == "simulate":
            count = int(words[-1])
            said = [int(row) for _, row in _ROW.findall(out)]
            right = any(
                said == self.classes[name][:count] and f"{self.right(name, count)} of {count} right" in out
                for name in PACKAGES
            )
            return None if right else f"simulate: classes {said}"
        if command == "compare" and f"bit-exact: {words[-1]} images" not in out:
            return f"compare: {out.strip().splitlines()[:1]}"
        return None

    def right(self, name: str, count: int) -> int:
        """Right answers of a network among its first images."""
        return sum(a == b for a, b in zip(self.classes[name][:count], self.labels[name][:count], strict=True))

    def wrong_build(self) -> str | None:
        """What is wrong with what stands in the BUILD, when all commands have ended."""
        opened = open_build(self.build)
        name = next(name for name in PACKAGES if package_file(name).read_bytes() == opened_package(self.build))
        left = sorted(path.name for path in self.folder.rglob(".*") if ".locks" not in path.parts[-1])
        if left:
            return f"left: {left}"
        file = self.build / "report.json"
        if not file.is_file():
            return None
        report: dict[str, Any] = json.loads(file.read_text())
        answers, count = report["accuracy"]["rtl"], report["images"]
        if report["build"] != opened.manifest_hash[:16] or not report["bit_exact"]:
            return f"report of another BUILD, or not bit-exact: {report['build']}"
        if answers != {"correct": self.right(name, count), "count": count}:
            return f"report: {answers} of {name}"
        placed = (self.build / "synthesis.json").is_file()
        return None if placed == ("synthesis" in report) else "report: synthesis is lost, or of another BUILD"


def package_file(name: str) -> Path:
    """The committed package."""
    return ROOT / "packages" / name / "package.safetensors"


def opened_package(build: Path) -> bytes:
    """The package's bytes in a BUILD."""
    return (build / "package.safetensors").read_bytes()
