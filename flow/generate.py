"""From a package to a BUILD folder, whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from spikewright.boards.registry import family_of, load_board
from spikewright.boards.schema import Board
from spikewright.compiler.compile import compile_package
from spikewright.compiler.fit import ShapeRequest
from spikewright.compiler.front.ir_json import dump
from spikewright.compiler.program import Program
from spikewright.compiler.target.memories import block_ram
from spikewright.flow.breakdown import breakdown
from spikewright.flow.build_folder import (
    FORMAT,
    MANIFEST,
    VERSION,
    BuildFolder,
    BuildFolderError,
    hashes,
    open_build,
)
from spikewright.flow.check import CheckReport, check
from spikewright.flow.json_files import listed_json
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.models.package import read_package

Say = Callable[[str], None]


def generate(
    package_path: Path,
    board_name: str,
    out: Path,
    request: ShapeRequest | None = None,
    *,
    checked: bool = True,
    images: np.ndarray | None = None,
    say: Say = lambda text: None,
) -> BuildFolder:
    """Compile a package for a board, check the program, and write its BUILD folder, whole or not at all.

    request: what is asked of the engine's shape; checked: whether the program is run and compared with the golden model
    first (``flow/check.py``); images: uint8 [B, H, W, C] for that, else the usual ones; say: is given one word for each
    part of the work. A BUILD that is there already is replaced; BuildFolderError for a folder with anything else in it,
    ProgramError for a program that is wrong.
    """
    board = load_board(board_name)
    package = read_package(package_path)
    _check_out(out)
    say("compile")
    program = compile_package(package, family_of(board).device(board), request)
    report = None
    if checked:
        say("check")
        report = check(program, package, images)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        folder = Path(temporary) / "BUILD"
        say("elaborate")
        elaborate(Accelerator(structure=program.structure), "accelerator", folder)
        say("write")
        _write(folder, program, package_path, board, report)
        _replace(folder, out)
    return open_build(out)


def _check_out(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise BuildFolderError(f"{out} is a folder with other things in it: name a new one, or a BUILD to replace")
    if out.exists() and not out.is_dir():
        raise BuildFolderError(f"{out} is a file: name a folder for the BUILD")


def _replace(folder: Path, out: Path) -> None:
    if out.exists():
        old = folder.with_name("old")
        out.rename(old)  # deleted with the temporary folder
    folder.rename(out)


def _write(folder: Path, program: Program, package_path: Path, board: Board, report: CheckReport | None) -> None:
    for source in memory_sources():
        shutil.copyfile(source, folder / source.name)
    (folder / "roms").mkdir()
    for name, image in program.roms.items():
        (folder / "roms" / name).write_text(image.hex())
    shutil.copyfile(package_path, folder / "package.safetensors")
    (folder / "structure.json").write_text(program.structure.to_json())
    graph = json.loads(dump(program.lowered.graph)[0])
    (folder / "ir.json").write_text(json.dumps(graph, indent=1, sort_keys=True) + "\n")
    wide = frozenset({"trace_map", "choice"})
    (folder / "program.json").write_text(listed_json(describe(program, board), wide))
    (folder / "board.yaml").write_text(yaml.safe_dump(board.model_dump(mode="json"), sort_keys=False))
    check_of = None if report is None else report.to_dict()
    manifest = {"format": FORMAT, "version": VERSION, "check": check_of, "files": hashes(folder)}
    (folder / MANIFEST).write_text(listed_json(manifest, frozenset({"files"})))


def describe(program: Program, board: Board) -> dict[str, Any]:
    """What program.json says."""
    lowered, shape, choice = program.lowered, program.structure.shape, program.choice
    assert choice is not None  # compiled for a device
    descriptors = [
        {
            "number": number,
            "layer": draft.layer,
            "kind": draft.kind.name,
            "cycles": draft.cycles,
            "pairs": draft.pairs,
            "breakdown": breakdown(draft, shape),
            "fields": dict(draft.descriptor(lowered).fields),
        }
        for number, draft in enumerate(program.descriptors)
    ]
    bits = program.rom_bits
    return {
        "network": lowered.graph.name,
        "choice": {"reason": choice.reason, "candidates": [candidate.to_dict() for candidate in choice.candidates]},
        "needs": {"lut": choice.needs.lut, "block_ram": block_ram(program.structure, family_of(board).ram)},
        "predicted_cycles": sum(program.predicted_cycles),
        "rom_bits": {name: getattr(bits, name) for name in ("value", "index", "count", "padding", "neuron")},
        "memory_map": [
            {
                "value": b.name,
                "base": b.base,
                "words": b.words,
                "planes": b.layout.planes,
                "first": b.first,
                "last": b.last,
            }
            for b in sorted(lowered.buffers.values(), key=lambda b: (b.first, b.base))
        ],
        "descriptors": descriptors,
        "trace_map": program.trace_map.to_dict(),
    }
