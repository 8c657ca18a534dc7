"""The reference package and its BUILDs, which the groups of this folder measure."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import ROOT
from spikewright.compiler.fit import ShapeRequest
from spikewright.flow.build_folder import BuildFolder
from spikewright.flow.generate import generate

WORK = ROOT / "build" / "benchmarks"
PACKAGE = ROOT / "packages" / "clutter-digits" / "package.safetensors"
BOARD = "ulx3s-85f"
#: The shape that the cycles of the reference package are quoted for.
LANES, BANKS, STREAMS = 64, 4, 1


def reference_build(name: str = "reference", *, skip: bool = True, package: Path = PACKAGE) -> BuildFolder:
    """The BUILD of a package, of the reference package if none is given, in the reference shape.

    name: of its folder
    skip: whether the engine skips silent rows
    """
    return generate(package, BOARD, WORK / name, ShapeRequest(lanes=LANES, banks=BANKS, streams=STREAMS, skip=skip))
