"""From a board top to a bitstream and its report: yosys, nextpnr and ecppack, by amaranth's build plan."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spikewright.boards.registry import platform_for
from spikewright.boards.report import Utilisation, read_nextpnr
from spikewright.boards.schema import Board
from spikewright.toolchain import SynthesisTools, search_path, synthesis_tools

#: Wall seconds each tool may take.
TIMEOUT = 3600.0
#: Log files of the tools, for the error message.
LOGS = {"yosys": "top.rpt", "nextpnr-ecp5": "top.tim", "ecppack": "top.tim"}
REPORT = "nextpnr-report.json"
#: synth_ecp5 stops in front of abc9, all wires but ports whose names have brackets get others, and it goes on: abc9
#: takes a wire ``a[0]`` (such as an array's element becomes) beside a wire ``a`` for one of its bits, and then yosys
#: fails ("Assert GetSize(conn.first) == GetSize(conn.second)") or not, as chance has it.
BEFORE_ABC9 = "-run begin:map_luts"
AFTER_ABC9 = (
    "rename -unescape w:*[[]* x:* %d",  # public names keep their letters
    "rename -enumerate -pattern plain_% w:*[[]* x:* %d",
    "synth_ecp5 -run map_luts: {options}-top {top}",
)


class SynthesisError(RuntimeError):
    """A tool refused the design or ran out of time; the message holds its first error and the log's path."""


def synthesize(
    top: Any,
    board: Board,
    out_dir: Path,
    *,
    files: Sequence[Path] = (),
    seed: int = 1,
    timeout: float = TIMEOUT,
    log: Callable[[str], None] = lambda line: None,
    bitstream: bool = True,
) -> Utilisation:
    """Synthesises, places and routes `top` for the board.

    Args:
        top: an Elaboratable for the board's platform, e.g. `top.BoardTop`
        out_dir: is emptied and filled with the tools' files: top.il, top.rpt (yosys log), top.tim (nextpnr log),
            nextpnr-report.json, top.config, top.bit
        files: Verilog the design instantiates, and the ROM images it reads: all are copied beside the netlist, so
            a `$readmemh` of a bare file name finds its file
        seed: of the placer
        timeout: wall seconds for each tool
        log: told in one line what is running
        bitstream: pack top.bit too

    Returns the report. Missing the board's clock is no error: it is in the report. Raises ToolError or SynthesisError.
    """
    tools = synthesis_tools()
    platform = platform_for(board)
    for file in files:
        if not file.is_file():
            raise SynthesisError(f"the design's file {file} does not exist")
        if file.suffix in (".v", ".sv"):
            platform.add_file(file.name, file.read_bytes())
    options = f"--report {REPORT} --seed {seed} --timing-allow-fail"
    plan = platform.prepare(
        top,
        "top",
        read_verilog_opts="-defer",  # a memory is read with its real parameters only
        synth_opts=BEFORE_ABC9,
        script_after_synth="\n".join(AFTER_ABC9).format(options="", top="top"),
        nextpnr_opts=options,
        ecppack_opts="--compress",
    )
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    plan.extract(str(out_dir))
    for file in files:
        shutil.copyfile(file, out_dir / file.name)
    seconds = {}
    for name, command in _commands(plan, tools):
        if name == "ecppack" and not bitstream:
            continue
        log(f"{name} ({command[0]})")
        seconds[name] = _run(name, command, out_dir, timeout)
    fields = read_nextpnr(out_dir / REPORT)
    return Utilisation(
        board=board.name, part=board.part, seed=seed, clock_mhz=board.clock_mhz, seconds=seconds, **fields
    )


def _commands(plan: Any, tools: SynthesisTools) -> list[tuple[str, list[str]]]:
    """The plan's commands for the three tools; what a platform adds for its programmer is left out."""
    programs = {"yosys": tools.yosys, "nextpnr-ecp5": tools.nextpnr_ecp5, "ecppack": tools.ecppack}
    listed = json.loads(plan.files["build_top.json"])["commands"]
    return [(words[0], [programs[words[0]], *words[1:]]) for words in listed if words[0] in programs]


def _run(name: str, command: list[str], folder: Path, timeout: float) -> float:
    start = time.monotonic()
    env = {**os.environ, "PATH": search_path()}
    log = folder / LOGS[name]
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"{name} did not finish within {timeout:g} s (log {log})") from None
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace") + (log.read_text(errors="replace") if log.is_file() else "")
        raise SynthesisError(f"{name} failed: {first_error(said)} (log {log})")
    return round(time.monotonic() - start, 1)


def first_error(text: str) -> str:
    """The first error line of a yosys or nextpnr log, without its label; else the last line."""
    if found := re.search(r"^(?:\S+:\d+: )?ERROR: ?(.+)$", text, re.MULTILINE):
        return found[1].strip()
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
