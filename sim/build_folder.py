"""The BUILD folder: everything that was generated for one network and one board, and the hashes that guard it.

    accelerator.v, *.v   the accelerator and its hand-written memories
    roms/*.hex           contents of the memories
    structure.json       what is fixed when the design is synthesised
    program.json         what the program memory says, for people; and what an observer must know
    package.safetensors  the network, as given
    ir.json              the network as the compiler saw it, after its passes
    board.yaml           the board, resolved
    manifest.json        SHA-256 of every file above

Equal packages, boards and options give equal bytes. What simulation and synthesis make goes into ``sim/`` and
``synthesis/`` beside these, and into report.json and timing.json.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from spikewright.boards.registry import load_board
from spikewright.boards.schema import Board
from spikewright.compiler.fit import BoardLimits, Choice, choose
from spikewright.compiler.importer import import_package
from spikewright.compiler.memories import block_ram
from spikewright.compiler.passes import run_passes
from spikewright.compiler.program import Program, assemble
from spikewright.compiler.structure import Structure
from spikewright.hdl.accelerator import Accelerator
from spikewright.models.package import Package, read_package
from spikewright.sim.breakdown import breakdown
from spikewright.sim.elaborate import elaborate
from spikewright.sim.layout import Layout
from spikewright.sim.simulator import memory_sources

FORMAT, VERSION = "spikewright-build", 1
MANIFEST = "manifest.json"

Say = Callable[[str], None]


class BuildFolderError(ValueError):
    """A BUILD folder is missing, altered or cannot be written; the text is one sentence."""


def generate(
    package_path: Path,
    board_name: str,
    out: Path,
    *,
    lanes: int | None = None,
    banks: int | None = None,
    streams: int | None = None,
    skip: bool = True,
    say: Say = lambda text: None,
) -> BuildFolder:
    """Compile a package for a board and write its BUILD folder, whole or not at all.

    A BUILD that is there already is replaced; a folder with anything else in it is refused.
    """
    board = load_board(board_name)
    package = read_package(package_path)
    _check_target(out)
    say("compile")
    graph = run_passes(import_package(package))
    resources = board.resources
    limits = BoardLimits(board.name, resources.lut, resources.block_ram.count)
    choice = choose(graph, limits, lanes=lanes, banks=banks, streams=streams, skip=skip)
    program = assemble(choice.lowered)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as made:
        folder = Path(made) / "BUILD"
        say("elaborate")
        elaborate(Accelerator(structure=program.structure), "accelerator", folder)
        say("write")
        _write(folder, program, choice, package_path, board)
        _replace(folder, out)
    return open_build(out)


def _check_target(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise BuildFolderError(f"{out} is a folder with other things in it: name a new one, or a BUILD to replace")
    if out.exists() and not out.is_dir():
        raise BuildFolderError(f"{out} is a file: name a folder for the BUILD")


def _replace(folder: Path, out: Path) -> None:
    if out.exists():
        old = folder.with_name("old")
        out.rename(old)  # deleted with the temporary folder
    folder.rename(out)


def _write(folder: Path, program: Program, choice: Choice, package_path: Path, board: Board) -> None:
    for source in memory_sources():
        shutil.copyfile(source, folder / source.name)
    (folder / "roms").mkdir()
    for name, image in program.roms.items():
        (folder / "roms" / name).write_text(image.hex())
    shutil.copyfile(package_path, folder / "package.safetensors")
    (folder / "structure.json").write_text(program.structure.to_json())
    graph = program.lowered.graph
    (folder / "ir.json").write_text(json.dumps(json.loads(graph.to_json()[0]), indent=1, sort_keys=True) + "\n")
    (folder / "program.json").write_text(_json(describe(program, choice)))
    (folder / "board.yaml").write_text(yaml.safe_dump(board.model_dump(mode="json"), sort_keys=False))
    (folder / MANIFEST).write_text(_json({"format": FORMAT, "version": VERSION, "files": hashes(folder)}))


def describe(program: Program, choice: Choice) -> dict[str, Any]:
    """What program.json says."""
    lowered, shape = program.lowered, program.structure.shape
    selectors = {op.name for op in lowered.graph.ops if op.kind == "select"}
    descriptors = []
    for number, step in enumerate(program.steps):
        final = step.descriptor(lowered)
        descriptors.append(
            {
                "number": number,
                "layer": step.layer,
                "kind": step.kind.name,
                "cycles": step.cycles,
                "pairs": step.pairs,
                "breakdown": breakdown(step, shape, selectors),
                "fields": dict(final.fields),
            }
        )
    bits = program.rom_bits
    return {
        "network": lowered.graph.name,
        "choice": {"reason": choice.reason, "candidates": [dict(row) for row in choice.candidates]},
        "needs": {"lut": choice.needs.lut, "block_ram": block_ram(program.structure)},
        "predicted_cycles": sum(program.predicted_cycles),
        "rom_bits": {name: getattr(bits, name) for name in ("value", "index", "count", "padding", "neuron")},
        "memory_map": [
            {"value": b.name, "base": b.base, "words": b.words, "planes": b.planes, "first": b.first, "last": b.last}
            for b in sorted(lowered.buffers.values(), key=lambda b: (b.first, b.base))
        ],
        "descriptors": descriptors,
        "layout": Layout.of(program).to_dict(),
    }


def _json(data: Mapping[str, Any]) -> str:
    """JSON with one line an item of the lists, where they are long."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            items = ",\n".join("  " + json.dumps(item) for item in value)
            lines.append(f" {json.dumps(key)}: [\n{items}\n ]")
        elif isinstance(value, dict) and key in ("layout", "files", "choice"):
            items = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{items}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by path, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class BuildFolder:
    """A BUILD whose files are as they were generated."""

    path: Path
    manifest_hash: str

    @cached_property
    def structure(self) -> Structure:
        return Structure.from_dict(json.loads((self.path / "structure.json").read_text()))

    @cached_property
    def program(self) -> dict[str, Any]:
        """program.json."""
        data: dict[str, Any] = json.loads((self.path / "program.json").read_text())
        return data

    @cached_property
    def layout(self) -> Layout:
        return Layout.from_dict(self.program["layout"])

    @cached_property
    def package(self) -> Package:
        return read_package(self.path / "package.safetensors")

    @cached_property
    def board(self) -> Board:
        return Board.model_validate(yaml.safe_load((self.path / "board.yaml").read_text()))

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
    def work(self) -> Path:
        """Where simulation keeps its files."""
        return self.path / "sim"


def open_build(path: Path) -> BuildFolder:
    """The BUILD at ``path``; ``BuildFolderError`` unless every file is there with the content it was generated with."""
    manifest = path / MANIFEST
    try:
        text = manifest.read_bytes()
        data = json.loads(text)
        files = data["files"]
        version = data["version"]
        if data["format"] != FORMAT:
            raise KeyError("format")
        if version == VERSION and (not isinstance(files, dict) or "accelerator.v" not in files):
            raise KeyError("files")
    except OSError:
        raise BuildFolderError(f"{path} is not a BUILD folder: make one with 'spikewright generate'") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BuildFolderError(f"{manifest} is not a manifest: generate the BUILD again") from None
    if version != VERSION:
        raise BuildFolderError(f"{path} has version {version}, {VERSION} is supported: generate the BUILD again")
    for name, expected in files.items():
        file = path / name
        if not file.is_file():
            raise BuildFolderError(f"{file} is missing: generate the BUILD again")
        if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise BuildFolderError(f"{file} was altered since it was generated: generate the BUILD again")
    return BuildFolder(path, hashlib.sha256(text).hexdigest())
