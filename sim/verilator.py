"""Builds a Verilog design with Verilator and runs cocotb benches on it.

Only the top's ports are visible to the bench: publishing every signal, as cocotb's own runner does, costs a
factor of five in speed. A build lives in a folder named by the hash of everything that went into it, so an
unchanged design is not built again. Faults come back as one exception with one clear message.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cocotb_tools.config

from spikewright.sim.cocotb_runner import QuietRunner
from spikewright.sim.elaborate import elaborate, port_names
from spikewright.toolchain import require_wave_headers, simulation_tools

__all__ = ["BenchError", "BuildError", "Built", "Results", "bench", "build", "default_cache", "elaborate"]

#: Lint messages Amaranth's Verilog draws by its nature; everything else stays fatal.
WAIVED = ("WIDTHEXPAND", "WIDTHTRUNC", "PROCASSINIT", "UNUSEDSIGNAL", "DECLFILENAME", "CASEINCOMPLETE")
#: Part of every build's hash: raise it when the recipe below changes.
RECIPE = 1
#: The bench's parameters travel in this variable, as JSON; `stream_bench.given()` reads them.
GIVEN = "SPIKEWRIGHT_GIVEN"
DEFAULT_SEED = 1


class BuildError(RuntimeError):
    """Verilator or the C++ compiler refused the design; the message holds the first error and the log's path."""


class BenchError(RuntimeError):
    """A bench failed, crashed or ran out of time; the message names the test, the reason, the seed and the log."""


@dataclass(frozen=True)
class Results:
    """What a successful run did: names of the tests passed, wall seconds, seed, log, FST file if asked for."""

    passed: tuple[str, ...]
    seconds: float
    seed: int
    log: Path
    waves: Path | None


@dataclass(frozen=True)
class Built:
    """A simulator that is ready to run.

    Members:
        top: name of the top module
        folder: the build's folder; its name ends in the content hash
        traced: built with FST support
        timing: built with `--timing`
    """

    top: str
    folder: Path
    traced: bool
    timing: bool

    def run(
        self,
        test_module: str | Path,
        *,
        testcase: str | Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        given: Mapping[str, object] | None = None,
        seed: int | None = None,
        cwd: Path,
        waves: bool = False,
        timeout: float = 600.0,
    ) -> Results:
        """Runs cocotb tests; raises BenchError when one fails, none ran, or `timeout` wall seconds have passed.

        Args:
            test_module: importable module, or the path of a `.py` file with the tests
            testcase: name(s) of tests to run; None runs all
            env: extra environment variables
            given: parameters for the bench, JSON; read there by `stream_bench.given()`
            seed: of all randomness in the bench; None takes SPIKEWRIGHT_SEED, else 1
            cwd: the simulator's working folder: relative `$readmemh` paths resolve here, results.xml, run.log
                and dump.fst are written here
            waves: write `cwd/dump.fst` (the build must have been made with waves)
        """
        if waves and not self.traced:
            raise BenchError(f"waves of {self.top} were asked for, but it was built without them")
        cwd = cwd.resolve()
        cwd.mkdir(parents=True, exist_ok=True)
        seed = int(os.environ.get("SPIKEWRIGHT_SEED", DEFAULT_SEED)) if seed is None else seed
        extra = {**(env or {}), GIVEN: json.dumps(dict(given or {}))}
        module, path = str(test_module), list(sys.path)
        if isinstance(test_module, Path):
            module, path = test_module.stem, [str(test_module.resolve().parent), *path]
        log, results = cwd / "run.log", cwd / "results.xml"
        runner = QuietRunner(simulation_tools(), self.timing)
        runner.timeout = timeout
        start = time.monotonic()
        reason = None
        saved, sys.path = sys.path, path  # the runner hands sys.path to the simulator's Python
        try:
            runner.test(
                module,
                self.top,
                hdl_toplevel_lang="verilog",
                testcase=testcase,
                seed=seed,
                extra_env=extra,
                waves=waves,
                build_dir=self.folder,
                test_dir=cwd,
                results_xml=str(results),
                log_file=log,
            )
        except subprocess.TimeoutExpired:
            reason = f"no end within {timeout:g} s of wall time"
        except (SystemExit, RuntimeError, subprocess.CalledProcessError) as error:
            reason = f"the simulator stopped ({error})"
        finally:
            sys.path = saved
        seconds = time.monotonic() - start
        where = f"(bench {module}, top {self.top}, seed {seed}, log {log})"
        passed, failed = _read_results(results)
        if failed:
            raise BenchError(f"{len(failed)} of {len(failed) + len(passed)} tests failed: {'; '.join(failed)} {where}")
        if reason is not None:
            raise BenchError(f"{reason} {where}\n{_tail(log)}")
        if not passed:
            raise BenchError(f"no test ran {where}\n{_tail(log)}")
        return Results(tuple(passed), seconds, seed, log, cwd / "dump.fst" if waves else None)


def _read_results(path: Path) -> tuple[list[str], list[str]]:
    if not path.is_file():
        return [], []
    passed, failed = [], []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        fault = next((f for tag in ("failure", "error") if (f := case.find(tag)) is not None), None)
        if fault is not None:
            text = fault.get("message") or (fault.text or "").strip()
            failed.append(f"{case.get('name')}: {text.partition(chr(10))[0]}")
        elif case.find("skipped") is None:
            passed.append(case.get("name") or "")
    return passed, failed


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.is_file() else ""


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
    optimise: str = "-O3",
) -> Built:
    """Builds the simulator of module `top`, or finds the one an equal call has built.

    Args:
        sources: Verilog and SystemVerilog files, in any order
        build_dir: folder that holds the builds (one folder each, named by content hash)
        inputs, outputs: ports of `top` that the bench may write, and read
        parameters: of `top`; strings are quoted for you
        timing: allow delays and event controls in the sources
        waive: further lint messages that are not fatal for these sources
        optimise: C++ optimisation of the model (`-O1` builds small tests sooner)

    Raises ToolError (something is not installed) or BuildError.
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
        timing,
    ]
    kit += [str(cocotb_tools.config.libs_dir), sys.version]
    texts = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sources]
    key = _digest(kit, texts, top, sorted(inputs), sorted(outputs), sorted(values.items()), sorted(waive), optimise)
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
        args = ["-O3", "-Wall", *(f"-Wno-{name}" for name in (*WAIVED, *waive))]
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
        if not runtime.is_dir():
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
    """Where component tests keep their simulators: the folder SPIKEWRIGHT_BUILDS names, else `build/bench`."""
    return Path(os.environ.get("SPIKEWRIGHT_BUILDS", "build/bench"))


def _build_fault(top: str, log: Path, error: BaseException) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    first = next((line for line in lines if line.startswith("%") or "error" in line.lower()), str(error))
    return f"the simulator of {top} could not be built: {first.strip()} (log {log})"


def _keep_runtime(folder: Path, runtime: Path) -> None:
    """Keeps the compiled Verilator library (10 of the 13 s of a small build) for the next build of this kind."""
    part = runtime.with_name(f"{runtime.name}.{os.getpid()}")
    try:
        part.mkdir(parents=True, exist_ok=True)
        for compiled in folder.glob("verilated*.o"):
            shutil.copy(compiled, part / compiled.name)
        part.rename(runtime)
    except OSError:  # another build was first, or there is no place for a cache: it only saves time
        shutil.rmtree(part, ignore_errors=True)


def bench(
    component: Any,
    test_module: str | Path,
    *,
    cwd: Path,
    name: str = "dut",
    build_dir: Path | None = None,
    sources: Sequence[Path] = (),
    given: Mapping[str, object] | None = None,
    testcase: str | Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    seed: int | None = None,
    waves: bool = False,
    waive: Sequence[str] = (),
    optimise: str = "-O1",
    timeout: float = 120.0,
) -> Results:
    """Elaborates one Amaranth component, builds it and runs its cocotb bench: what component tests call.

    Args:
        component: the wiring.Component under test
        cwd: working folder of the run (pytest's tmp_path)
        build_dir: cache of builds; None is `default_cache()`
        sources: further Verilog the component instantiates

    The rest as in `build` and `Built.run`.
    """
    cwd = cwd.resolve()
    source = elaborate(component, name, cwd)
    inputs, outputs = port_names(source.read_text(), name)
    cache = build_dir or default_cache()
    built = build(
        [source, *sources], name, cache, inputs=inputs, outputs=outputs, waves=waves, waive=waive, optimise=optimise
    )
    return built.run(
        test_module, testcase=testcase, env=env, given=given, seed=seed, cwd=cwd, waves=waves, timeout=timeout
    )
