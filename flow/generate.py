"""From a package to a BUILD folder, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from spikewright.boards.registry import family_of, load_board, real_boards
from spikewright.boards.schema import SIMULATION, Board, BuildTarget
from spikewright.children import watch
from spikewright.compiler.compile import chosen, compile_package, planned_graph
from spikewright.compiler.fit import FitError, ShapeRequest, TooLargeError
from spikewright.compiler.front.ir_json import dump
from spikewright.compiler.program import Program
from spikewright.compiler.target.memories import block_ram
from spikewright.files import exchange
from spikewright.flow.breakdown import breakdown
from spikewright.flow.build_folder import MADE, BuildFolder, BuildFolderError, hashes, open_build
from spikewright.flow.check import CheckReport, check
from spikewright.flow.json_files import listed_json
from spikewright.flow.manifest import FORMAT, MANIFEST, VERSION, read_manifest
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.locks import hold
from spikewright.models.package import Package, read_package
from spikewright.phases import Tell, silent
from spikewright.scratch import PREFIX, scratch


def generate(
    package_path: Path,
    board_name: str,
    out: Path,
    request: ShapeRequest | None = None,
    *,
    checked: bool = True,
    images: np.ndarray | None = None,
    say: Tell = silent,
) -> BuildFolder:
    """Compile a package for a board, check the program, and write its BUILD folder, whole or not at all.

    request: what is asked of the engine's shape; checked: whether the program is run and compared with the golden model
    first (``flow/check.py``); images: uint8 [B, H, W, C] for that, else the usual ones; say: is told each phase of
    the work. A link is followed. A BUILD that is there already is replaced, at once; BuildFolderError for a
    folder with anything else in it, for one that cannot be replaced whole, and for a BUILD that other commands are
    reading, ProgramFault for a program that is wrong.
    """
    board = load_board(board_name)
    package = read_package(package_path)
    named, out = out, Path(os.path.realpath(out))
    _check_out(named, out)
    say("compile the package")
    try:
        program = compile_package(package, family_of(board).device(board), request)
    except TooLargeError as error:
        raise FitError(f"{error}: {_larger(package, board, request)}") from None
    report = None
    if checked:
        say("check the program on images")
        report = check(program, package, images)
    with scratch(out.parent, blame=named) as temporary:
        folder = temporary / "BUILD"
        watch()  # Amaranth starts yosys
        say("elaborate the Verilog")
        elaborate(Accelerator(structure=program.structure), "accelerator", folder)
        say("write the BUILD")
        _write(folder, program, package_path, board, report)
        _put(folder, named, out)
    return open_build(named)


def _larger(package: Package, board: BuildTarget, request: ShapeRequest | None) -> str:
    """Which board takes a network that is too large for this one."""
    graph = planned_graph(package)
    would: list[Board] = []
    for larger in sorted(real_boards(), key=lambda other: (other.resources.lut, other.name)):
        if isinstance(board, Board) and larger.resources.lut <= board.resources.lut:
            continue
        if would and larger.resources.lut > would[0].resources.lut:
            break
        with suppress(FitError):
            chosen(graph, family_of(larger).device(larger), request)
            would.append(larger)
    if would:
        return f"{' or '.join(larger.name for larger in would)} would do"
    return f"none of the list would do, --board {SIMULATION} has no limits"


def _check_out(named: Path, out: Path) -> None:
    """BuildFolderError where no BUILD can stand at ``out``, to which the name given leads.

    What is in the way is told before anything is compiled, and asked again before it is replaced.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise BuildFolderError(f"{named} is a file: name a folder for the BUILD")
    above = next(folder for folder in out.parents if folder.exists())
    if not above.is_dir():
        raise BuildFolderError(f"{named} cannot be there, because {above} is a file: name a folder for the BUILD")
    if not out.is_dir():
        return
    name = "name a new one, or a BUILD to replace"
    here = Path(os.path.realpath("."))
    if out == here or out in here.parents:
        raise BuildFolderError(f"{named} is the folder you are in, or holds it, and cannot be replaced whole: {name}")
    if os.path.ismount(out):
        raise BuildFolderError(f"{named} is a mount point, which cannot be replaced whole: name a folder in it")
    entries = {entry for entry in os.listdir(out) if not entry.startswith(PREFIX)}
    if not entries:
        return
    try:
        _, files, _ = read_manifest((out / MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise BuildFolderError(f"{named} is a folder with other things in it: {name}") from None
    own = {file.partition("/")[0] for file in files} | MADE | {MANIFEST, "sim"}  # where runs left files once
    if foreign := sorted(entry for entry in entries - own if not entry.endswith(".part")):
        raise BuildFolderError(f"{named} is a BUILD with {foreign[0]!r} in it, which no command wrote: {name}")
    with hold(out / MANIFEST, busy=_busy(named)):
        return


def _busy(named: Path) -> str:
    return f"{named} is in use by another spikewright command: wait for its end, or name another folder"


def _put(folder: Path, named: Path, out: Path) -> None:
    """Move a new BUILD to where it belongs; what was there before goes to its place."""
    try:
        folder.rename(out)  # where there is nothing, or an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    else:
        return
    _check_out(named, out)
    with hold(out / MANIFEST, busy=_busy(named)):
        exchange(folder, out)


def _write(folder: Path, program: Program, package_path: Path, board: BuildTarget, report: CheckReport | None) -> None:
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


def describe(program: Program, board: BuildTarget) -> dict[str, Any]:
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
        "needs": None
        if choice.needs is None
        else {"lut": choice.needs.lut, "block_ram": block_ram(program.structure, family_of(board).ram)},
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
