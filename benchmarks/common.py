"""What the groups share: the reference package and its BUILDs."""

from __future__ import annotations

from pathlib import Path

import torch

from spikewright.sim.build_folder import BuildFolder, generate

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build" / "benchmarks"
#: The reference model and the shape its cycles are quoted for.
PACKAGE = ROOT / "packages" / "clutter-digits" / "package.safetensors"
BOARD = "ulx3s-85f"
SHAPE = {"lanes": 64, "banks": 4, "streams": 1}

torch.set_num_threads(1)


def reference_build(name: str = "reference", *, skip: bool = True, package: Path = PACKAGE) -> BuildFolder:
    """The BUILD of the reference model in the reference shape."""
    return generate(package, BOARD, WORK / name, **SHAPE, skip=skip)


def command(group: str) -> str:
    return f"python benchmarks/run.py {group}"
