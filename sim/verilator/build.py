"""Builds a simulator of a Verilog design with Verilator.

Only the top's ports are visible to the bench: publishing every signal, as cocotb's own runner does, costs a
factor of five in speed. A build lives in a folder named by the hash of everything that went into it, so an
unchanged design is not built again.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cocotb_tools.config

from spikewright.errors import PlainError
from spikewright.sim.verilator.cocotb_runner import QuietRunner
from spikewright.sim.verilator.run import Built
from spikewright.toolchain import require_wave_headers, simulation_tools

#: Lint messages Amaranth's Verilog draws by its nature; everything else stays fatal.
WAIVED = ("WIDTHEXPAND", "WIDTHTRUNC", "PROCASSINIT", "UNUSEDSIGNAL", "DECLFILENAME", "CASEINCOMPLETE")
#: Part of every build's hash: raise it when the recipe below changes.
RECIPE = 3
#: Verilator splits its C++ above this size. Parsing headers is most of the work of a small file: a usual accelerator is
#: built soonest in one.
ONE_FILE = "100000"


class BuildError(PlainError):
    """Verilator or the C++ compiler refused the design; the message holds the first error and the log's path."""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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
) -> Built:
    """Builds the simulator of module ``top``, or finds the one an equal call has built; ToolError or BuildError.

    sources: Verilog and SystemVerilog files, in any order; build_dir: folder that holds the builds (one folder each,
    named by content hash); inputs, outputs: ports of ``top`` that the bench may write, and read; waves: with FST
    support; parameters: of ``top``, strings are quoted for you.

    timing: allow delays and event controls in the sources; waive: further lint messages that are not fatal for these
    sources; optimise: C++ optimisation of the model (``-O0`` builds small tests sooner and runs slower).
    """
    tools = simulation_tools()
    if waves:
        require_wave_headers(tools)
    build_dir = build_dir.resolve()
    if " " in str(build_dir):
        raise BuildError(f"make cannot build in a folder with spaces in its name: {str(build_dir)!r}")
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
    texts = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sources]
    ports = sorted(inputs), sorted(outputs)
    key = _digest(kit, timing, texts, top, *ports, sorted(values.items()), sorted(waive), optimise)
    folder = build_dir / f"{top}-{key}"
    built = Built(top, folder, waves, timing)
    with _locked(build_dir / ".locks" / f"{top}-{key}"):
        if (folder / "done").is_file():
            return built
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        lines = ["`verilator_config"]
        lines += [f'public_flat_rw -module "{top}" -var "{name}"' for name in inputs]
        lines += [f'public_flat_rd -module "{top}" -var "{name}"' for name in outputs]
        (folder / "ports.vlt").write_text("\n".join(lines) + "\n")
        args = ["-O3", "-Wall", "--output-split", ONE_FILE, *(f"-Wno-{name}" for name in (*WAIVED, *waive))]
        args += ["--timing" if timing else "--no-timing", "--timescale", "1ns/1ps"]
        args += ["--trace-fst"] if waves else []
        runtime = _runtime_cache() / _digest(kit)
        runner = QuietRunner(tools, timing, runtime, optimise)
        try:
            runner.build(
                sources=[folder / "ports.vlt", *(path.resolve() for path in sources)],
                hdl_toplevel=top,
                build_args=args,
                parameters=values,
                build_dir=folder,
                waves=waves,
                log_file=folder / "build.log",
            )
        except (RuntimeError, SystemExit, subprocess.CalledProcessError) as error:
            raise BuildError(_build_fault(top, folder / "build.log", error)) from None
        _keep_runtime(folder, runtime)
        (folder / "done").write_text(key + "\n")
    return built


def _cxx_version(cxx: str) -> str:
    return subprocess.run([cxx, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def _runtime_cache() -> Path:
    """Compiled Verilator libraries, by content hash, for all builds of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "spikewright" / "verilator"


def default_cache() -> Path:
    """Where component tests keep their simulators: the folder SPIKEWRIGHT_BUILDS names, else ``build/bench``."""
    return Path(os.environ.get("SPIKEWRIGHT_BUILDS", "build/bench"))


def _build_fault(top: str, log: Path, error: BaseException) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    first = next((line for line in lines if line.startswith("%") or "error" in line.lower()), str(error))
    return f"the simulator of {top} could not be built: {first.strip()} (log {log})"


def _keep_runtime(folder: Path, runtime: Path) -> None:
    """Keeps the compiled Verilator library (10 of the 13 s of a small build) for the next builds of this kind."""
    with suppress(OSError):  # there is no place for a cache: it only saves time
        runtime.mkdir(parents=True, exist_ok=True)
        for compiled in folder.glob("verilated*.o"):
            if not (runtime / compiled.name).is_file():
                part = runtime / f"{compiled.name}.{os.getpid()}"
                shutil.copy(compiled, part)
                part.replace(runtime / compiled.name)
