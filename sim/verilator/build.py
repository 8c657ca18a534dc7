"""Builds a simulator of a Verilog design with Verilator.

Only the top's ports are visible to the bench: publishing every signal, as cocotb's own runner does, costs a
factor of five in speed. A build lives in a folder named by the hash of everything that went into it, so an
unchanged design is not built again.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import cocotb_tools.config

from spikewright import children
from spikewright.errors import PlainError
from spikewright.files import write_whole
from spikewright.locks import hold
from spikewright.phases import Tell, silent
from spikewright.scratch import check_room, scratch, sweep
from spikewright.sim.verilator.cache import VARIABLE, own_folders, simulators_in, special, usable
from spikewright.sim.verilator.cocotb_runner import Design, build_commands, build_environment
from spikewright.sim.verilator.make_log import make_phase
from spikewright.sim.verilator.run import Built
from spikewright.toolchain import SimulationTools, require_wave_headers, simulation_tools

#: Lint messages Amaranth's Verilog draws by its nature; everything else stays fatal.
WAIVED = ("WIDTHEXPAND", "WIDTHTRUNC", "PROCASSINIT", "UNUSEDSIGNAL", "DECLFILENAME", "CASEINCOMPLETE")
#: Part of every build's hash: raise it when the recipe below changes.
RECIPE = 4
#: Verilator splits its C++ above this size. Parsing headers is most of the work of a small file: a usual accelerator is
#: built soonest in one.
ONE_FILE = "100000"


class BuildError(PlainError):
    """Verilator or the C++ compiler refused the design; the message holds the first error and the log's path."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def build(
    sources: Sequence[Path],
    top: str,
    build_dir: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    waves: bool = False,
    parameters: Mapping[str, int | str] | None = None,
    timing: bool = False,
    waive: Sequence[str] = (),
    optimise: str = "-O1",
    tell: Tell = silent,
) -> Built:
    """Builds the simulator of module ``top``, or finds the one an equal call has built; ToolError or BuildError.

    sources: Verilog and SystemVerilog files, in any order; build_dir: folder that holds the builds (one folder each,
    named by content hash); inputs, outputs: ports of ``top`` that the bench may write, and read; waves: with FST
    support; parameters: of ``top``, strings are quoted for you.

    timing: allow delays and event controls in the sources; waive: further lint messages that are not fatal for these
    sources; optimise: C++ optimisation of the model (``-O0`` builds small tests sooner and runs slower); tell: is told
    the phases.
    """
    tools = simulation_tools()
    if waves:
        require_wave_headers(tools)
    build_dir = build_dir.resolve()
    if char := special(build_dir):
        raise BuildError(
            f"make cannot build in a folder with {char!r} in its name: {build_dir}; name another with {VARIABLE}"
        )
    values = {k: f'"{v}"' if isinstance(v, str) else v for k, v in (parameters or {}).items()}
    stat = tools.verilator.stat()
    kit = [
        RECIPE,
        str(tools.verilator),
        stat.st_size,
        stat.st_mtime_ns,
        tools.cxx,
        _cxx_version(tools.cxx),
        waves,
    ]
    kit += [str(cocotb_tools.config.libs_dir), sys.version]
    contents = [path.read_bytes() for path in sources]
    texts = [(path.name, hashlib.sha256(text).hexdigest()) for path, text in zip(sources, contents, strict=True)]
    ports = sorted(inputs), sorted(outputs)
    key = _digest(kit, timing, texts, top, *ports, sorted(values.items()), sorted(waive), optimise)
    folder = build_dir / f"{top}-{key}"
    built = Built(top, folder, waves, timing)
    locks = build_dir / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with hold(locks / f"{top}-{key}", remove=True):
        if (folder / top).is_file():
            sweep(build_dir)
            return built
        with scratch(build_dir) as temporary:
            work = temporary / folder.name
            names = _write_sources(work, top, inputs, outputs, sources, contents)
            args = ["-O3", "-Wall", "--output-split", ONE_FILE, *(f"-Wno-{name}" for name in (*WAIVED, *waive))]
            args += ["--timing" if timing else "--no-timing", "--timescale", "1ns/1ps"]
            args += ["--trace-fst"] if waves else []
            design = Design(top, names, args, values, waves, timing, optimise)
            _compile(design, tools, work, build_dir, _runtime_cache(_digest(kit)), tell)
            shutil.rmtree(folder, ignore_errors=True)  # where somebody has removed half of it
            work.rename(folder)
    return built


def _write_sources(
    work: Path, top: str, inputs: Sequence[str], outputs: Sequence[str], sources: Sequence[Path], texts: Sequence[bytes]
) -> list[str]:
    """Copies of the sources, whose own names make may not be able to take; their names in the folder ``work``."""
    work.mkdir()
    lines = ["`verilator_config"]
    lines += [f'public_flat_rw -module "{top}" -var "{name}"' for name in inputs]
    lines += [f'public_flat_rd -module "{top}" -var "{name}"' for name in outputs]
    (work / "ports.vlt").write_text("\n".join(lines) + "\n")
    names = ["ports.vlt"]
    for number, (path, text) in enumerate(zip(sources, texts, strict=True)):
        names.append(f"sources/{number}/{path.name}")
        (work / names[-1]).parent.mkdir(parents=True)
        (work / names[-1]).write_bytes(text)
    return names


def _compile(design: Design, tools: SimulationTools, work: Path, cache: Path, runtime: Path | None, tell: Tell) -> None:
    """Verilog to C++ to the simulator, in the folder ``work``; BuildError, and OSError where the disk is full.

    cache: folder that holds the builds; runtime: where compiled parts of Verilator's library are.
    """
    log, env = work / "build.log", build_environment(tools, cache)
    verilate, make = build_commands(design, tools, cache)
    with log.open("w") as output:
        tell("Verilator: Verilog to C++")
        status = children.run(verilate, cwd=work, env=env, stdout=output).returncode
        if not status:
            for compiled in runtime.glob("*.o") if runtime else ():  # newer than the make file: taken as they are
                shutil.copy(compiled, work / compiled.name)
            tell("compile the C++")
            status = children.run(
                make, cwd=work, env=env, stdout=output, meanwhile=lambda: tell(*make_phase(log, design.top))
            ).returncode
    if status or not (work / design.top).is_file():
        check_room(work, Path(tempfile.gettempdir()))
        failed = cache / "failed" / f"{work.name}.log"
        failed.parent.mkdir(exist_ok=True)
        write_whole(failed, log.read_bytes())
        raise BuildError(_build_fault(design.top, failed, status))
    if runtime is not None:
        _keep_runtime(work, runtime)


def _cxx_version(cxx: str) -> str:
    return subprocess.run([cxx, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def _runtime_cache(key: str) -> Path | None:
    """Compiled Verilator libraries, by content hash, for all builds of this user; None where there is no place."""
    folder = usable(own_folders("verilator"))
    return None if folder is None else folder / key


def default_cache() -> Path:
    """Where component tests keep their simulators: the folder SPIKEWRIGHT_BUILDS names, else ``build/bench``."""
    return simulators_in(Path("build/bench"))


def _build_fault(top: str, log: Path, status: int) -> str:
    lines = log.read_text(errors="replace").splitlines()
    ended = f"its build ended with status {status}"
    first = next((line for line in lines if line.startswith("%") or "error" in line.lower()), ended)
    return f"the simulator of {top} could not be built: {first.strip()} (log {log})"


def _keep_runtime(folder: Path, runtime: Path) -> None:
    """Keeps the compiled Verilator library (10 of the 13 s of a small build) for the next builds of this kind."""
    with suppress(OSError):  # it only saves time
        runtime.mkdir(parents=True, exist_ok=True)
        for compiled in folder.glob("verilated*.o"):
            if not (runtime / compiled.name).is_file():
                write_whole(runtime / compiled.name, compiled.read_bytes())
