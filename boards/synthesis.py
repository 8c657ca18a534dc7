"""From a board top to a bitstream and its report: the family's tools, by amaranth's build plan."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spikewright import children
from spikewright.boards.family import Tool
from spikewright.boards.floorplan import read_floorplan
from spikewright.boards.registry import family_of, platform_for
from spikewright.boards.report import Utilisation, read_nextpnr
from spikewright.boards.schema import Board
from spikewright.boards.tool_log import ToolLog
from spikewright.errors import PlainError
from spikewright.phases import Tell, silent
from spikewright.scratch import check_room
from spikewright.toolchain import search_path, synthesis_tools

#: Wall seconds each tool may take.
TIMEOUT = 3600.0
REPORT, PLACED = "nextpnr-report.json", "nextpnr-placed.json"


class SynthesisError(PlainError):
    """A tool refused the design or ran out of time; the message holds its first error and the log's path."""


def synthesize(
    top: Any,
    board: Board,
    out_dir: Path,
    *,
    files: Sequence[Path] = (),
    seed: int = 1,
    timeout: float = TIMEOUT,
    tell: Tell = silent,
    bitstream: bool = True,
    unit: Callable[[str], str] = lambda cell: "design",
) -> Utilisation:
    """Synthesise, place and route ``top`` for the board; ToolError or SynthesisError.

    top: an Elaboratable for the board's platform, e.g. ``top.BoardTop``; out_dir: is emptied and filled with the tools'
    files: top.il, top.rpt (yosys log), top.tim (nextpnr log), nextpnr-report.json, top.config, top.bit; files: Verilog
    the design instantiates, and the ROM images it reads, all copied beside the netlist, so that a ``$readmemh`` of a
    bare file name finds its file; seed: of the placer; timeout: wall seconds for each tool; tell: is told each tool's
    phases, from its own log; bitstream: pack it too; unit: of a
    cell by its name, for the floorplan.

    Missing the board's clock is no error: it is in the report.
    """
    family = family_of(board)
    programs = synthesis_tools([tool.name for tool in family.tools])
    platform = platform_for(board)
    for file in files:
        if not file.is_file():
            raise SynthesisError(f"the design's file {file} does not exist")
        if file.suffix in (".v", ".sv"):
            platform.add_file(file.name, file.read_bytes())
    plan = family.plan(platform, top, report=REPORT, placed=PLACED, seed=seed)
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    plan.extract(str(out_dir))
    for file in files:
        shutil.copyfile(file, out_dir / file.name)
    seconds = {}
    wanted = family.tools if bitstream else family.tools[:-1]
    for tool, words in _commands(plan, wanted):
        command = [programs[tool.name], *words]
        seconds[tool.name] = _run(tool, command, out_dir, timeout, tell)
    tell("read where the cells lie")
    fields = read_nextpnr(out_dir / REPORT, family.cells)
    plan_of = read_floorplan(out_dir / PLACED, unit)
    (out_dir / PLACED).unlink(missing_ok=True)  # a hundred times as large as all that is told of it
    return Utilisation(
        board=board.name,
        part=board.part,
        seed=seed,
        clock_mhz=board.clock_mhz,
        seconds=seconds,
        floorplan=plan_of,
        **fields,
    )


def _commands(plan: Any, tools: Sequence[Tool]) -> list[tuple[Tool, list[str]]]:
    """Arguments of the plan's commands for these tools; what a platform adds for its programmer is left out."""
    known = {tool.name: tool for tool in tools}
    listed = json.loads(plan.files["build_top.json"])["commands"]
    return [(known[words[0]], words[1:]) for words in listed if words[0] in known]


def _run(tool: Tool, command: list[str], folder: Path, timeout: float, tell: Tell) -> float:
    """Wall seconds that a tool took; SynthesisError with its first error."""
    start = time.monotonic()
    env = {**os.environ, "PATH": search_path()}
    log = folder / tool.log
    watched = ToolLog(command[0], log, tell)
    watched.look()
    try:
        done = children.run(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, timeout=timeout, meanwhile=watched.look
        )
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"{tool.name} did not finish within {timeout:g} s (log {log})") from None
    if done.returncode != 0:
        check_room(folder, Path(tempfile.gettempdir()))
        output = done.stdout.decode(errors="replace") + (log.read_text(errors="replace") if log.is_file() else "")
        raise SynthesisError(f"{tool.name} failed: {first_error(output)} (log {log})")
    return round(time.monotonic() - start, 1)


def first_error(text: str) -> str:
    """The first error line of a yosys or nextpnr log, without its label; else the last line."""
    if error := re.search(r"^(?:\S+:\d+: )?ERROR: ?(.+)$", text, re.MULTILINE):
        return error[1].strip()
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
