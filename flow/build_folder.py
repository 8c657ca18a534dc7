"""The BUILD folder: everything that was generated for one network and one board, and the hashes that guard it.

    accelerator.v, *.v   the accelerator and its hand-written memories
    roms/*.hex           contents of the memories
    structure.json       what is fixed when the design is synthesised
    program.json         what the program memory says, for people; and what an observer must know
    package.safetensors  the network, as given
    ir.json              the network as the compiler saw it, after its passes
    board.yaml           the board, resolved
    manifest.json        SHA-256 of every file above; what the check of the program has shown, null where it was off

Equal packages, boards and options give equal bytes. What commands make of it stands beside these (``MADE``).

Commands may work on one BUILD at the same time: each has a folder of its own for what it needs while it works, and
holds the manifest's lock together with the others (``reading``); ``generate`` replaces a BUILD only where nobody holds
it. What several of them write, such as the report, they write under ``updating``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import yaml

from spikewright.boards.schema import BuildTarget, target_of
from spikewright.compiler.target.structure import Structure
from spikewright.compiler.trace_map import TraceMap
from spikewright.errors import PlainError
from spikewright.flow.manifest import MANIFEST, VERSION, read_manifest
from spikewright.flow.report import PAGE, REPORT, SYNTHESIS, TIMING
from spikewright.flow.traces import TRACES
from spikewright.locks import hold
from spikewright.models.package import Package, read_package
from spikewright.phases import Tell, silent
from spikewright.scratch import sweep
from spikewright.sim.accelerator.run import FAILED, SimulatedNetwork
from spikewright.sim.accelerator.simulator import build_simulator, simulator_cache
from spikewright.sim.verilator.run import Built

#: What commands add to a BUILD: waveforms, the files of a placed design, and of one that could not be placed.
WAVES, PLACED, PLACED_FAILED = "waves", "synthesis", "synthesis-failed"
_UPDATES = ".updates"
MADE = frozenset({REPORT, TRACES, PAGE, TIMING, SYNTHESIS, WAVES, PLACED, PLACED_FAILED, FAILED, _UPDATES})


class BuildFolderError(PlainError):
    """A BUILD folder is missing, altered or cannot be written; the text is one sentence."""


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by path, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class BuildFolder:
    """A BUILD whose files are as they were generated.

    check: what the check of its program has shown (``flow/check.py``), None where it was off.
    """

    path: Path
    manifest_hash: str
    check: Mapping[str, Any] | None

    @cached_property
    def structure(self) -> Structure:
        return Structure.from_dict(json.loads((self.path / "structure.json").read_text()))

    @cached_property
    def program(self) -> dict[str, Any]:
        """program.json."""
        data: dict[str, Any] = json.loads((self.path / "program.json").read_text())
        return data

    @cached_property
    def trace_map(self) -> TraceMap:
        return TraceMap.from_dict(self.program["trace_map"])

    @cached_property
    def package(self) -> Package:
        return read_package(self.path / "package.safetensors")

    @cached_property
    def board(self) -> BuildTarget:
        return target_of(yaml.safe_load((self.path / "board.yaml").read_text()))

    def check_same(self) -> None:
        """BuildFolderError where the folder holds another BUILD now: somebody has moved it by hand."""
        manifest = self.path / MANIFEST
        if not manifest.is_file() or hashlib.sha256(manifest.read_bytes()).hexdigest() != self.manifest_hash:
            raise BuildFolderError(f"{self.path} was replaced while it was read: start again")

    @property
    def accelerator(self) -> Path:
        return self.path / "accelerator.v"

    @property
    def memories(self) -> list[Path]:
        """The hand-written Verilog memories."""
        return sorted(path for path in self.path.glob("*.v") if path != self.accelerator)

    @property
    def roms(self) -> list[Path]:
        return sorted((self.path / "roms").glob("*.hex"))

    @property
    def network(self) -> SimulatedNetwork:
        """The network and its ROM files, to be simulated in a folder of the BUILD."""
        return SimulatedNetwork(self.package, self.trace_map, tuple(self.roms), self.path)

    def simulator(self, *, waves: bool = False, tell: Tell = silent) -> Built:
        """The simulator of the BUILD's own Verilog, built once for all BUILDs of one structure."""
        return build_simulator(
            self.structure,
            self.accelerator,
            memories=self.memories,
            folder=simulator_cache(),
            waves=waves,
            image_bytes=prod(self.trace_map.image),
            tell=tell,
        )


@contextmanager
def reading(path: Path) -> Iterator[BuildFolder]:
    """The BUILD at ``path``, which no other command replaces while the block runs; BuildFolderError as ``open_build``.

    Others may read it at the same time. What a killed ``generate`` has left beside it goes.
    """
    sweep(Path(os.path.realpath(path)).parent)
    with ExitStack() as stack:
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):  # told below
            stack.enter_context(hold(path / MANIFEST, shared=True))
        opened = open_build(path)
        yield opened
        opened.check_same()


@contextmanager
def updating(build: BuildFolder) -> Iterator[None]:
    """Change what commands have added to a BUILD, one command at a time; BuildFolderError where it is another one."""
    build.check_same()
    with hold(build.path / _UPDATES, remove=True):
        build.check_same()
        yield


def open_build(path: Path) -> BuildFolder:
    """The BUILD at ``path``; ``BuildFolderError`` unless every file is there with the content it was generated with."""
    manifest = path / MANIFEST
    try:
        text = manifest.read_bytes()
    except OSError:
        raise BuildFolderError(f"{path} is not a BUILD folder: make one with 'spikewright generate'") from None
    try:
        version, files, check = read_manifest(text)
    except ValueError:
        raise BuildFolderError(f"{manifest} is not a manifest: generate the BUILD again") from None
    if version != VERSION:
        raise BuildFolderError(f"{path} has version {version}, {VERSION} is supported: generate the BUILD again")
    for name, expected in files.items():
        file = path / name
        if not file.is_file():
            raise BuildFolderError(f"{file} is missing: generate the BUILD again")
        if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise BuildFolderError(f"{file} was altered since it was generated: generate the BUILD again")
    return BuildFolder(path, hashlib.sha256(text).hexdigest(), check)
