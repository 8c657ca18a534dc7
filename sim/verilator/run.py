"""Runs cocotb benches on a simulator that was built; faults come back as one exception with one clear message."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from spikewright import children
from spikewright.errors import PlainError
from spikewright.scratch import check_room
from spikewright.sim.benches import GIVEN
from spikewright.sim.verilator.cocotb_runner import run_environment

DEFAULT_SEED = 1


class BenchError(PlainError):
    """A bench failed, crashed or ran out of time; the message names the test, the reason, the seed and the log.

    log: the simulator's output; its last lines are a note of the error.
    """

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log
        if log is not None and log.is_file():
            self.add_note("\n".join(log.read_text(errors="replace").splitlines()[-15:]))


@dataclass(frozen=True)
class BenchRun:
    """What a successful run did.

    passed: names of the tests; seconds: wall time; log: the simulator's output; waves: the FST file, if asked for.
    """

    passed: tuple[str, ...]
    seconds: float
    seed: int
    log: Path
    waves: Path | None


@dataclass(frozen=True)
class Built:
    """A simulator that is ready to run.

    top: name of the top module; folder: the build's, its name ends in the content hash; traced: built with FST support;
    timing: built with ``--timing``.
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
    ) -> BenchRun:
        """Runs cocotb tests; BenchError where one fails, none ran, or the time has passed.

        test_module: importable module, or the path of a ``.py`` file with the tests; testcase: names of tests to run,
        None for all; env: extra environment variables; given: parameters for the bench, JSON, read there by
        ``stream_bench.given()``; seed: of all randomness in the bench, None takes SPIKEWRIGHT_SEED, else 1.

        cwd: the simulator's working folder: relative ``$readmemh`` paths resolve here, results.xml, run.log and
        dump.fst are written here; waves: write ``cwd/dump.fst`` (the build must have been made with waves); timeout:
        wall seconds.
        """
        if waves and not self.traced:
            raise BenchError(f"waves of {self.top} were asked for, but it was built without them")
        cwd = cwd.resolve()
        cwd.mkdir(parents=True, exist_ok=True)
        seed = _usual_seed() if seed is None else seed
        module, path = str(test_module), list(sys.path)
        if isinstance(test_module, Path):
            module, path = test_module.stem, [str(test_module.resolve().parent), *path]
        log, results = cwd / "run.log", cwd / "results.xml"
        results.unlink(missing_ok=True)
        environment = run_environment(module, path, self.top, seed, testcase, results)
        environment |= {**_assertions(module), **(env or {}), GIVEN: json.dumps(dict(given or {}))}
        command = [str(self.folder / self.top), *(["--trace"] if waves else [])]
        start = time.monotonic()
        reason = None
        try:
            with log.open("w") as output:
                done = children.run(command, cwd=cwd, env=environment, stdout=output, timeout=timeout)
            if done.returncode:
                reason = f"the simulator stopped ({_ended(done.returncode)})"
        except subprocess.TimeoutExpired:
            reason = f"no end within {timeout:g} s of wall time"
        seconds = time.monotonic() - start
        where = f"(bench {module}, top {self.top}, seed {seed}, log {log})"
        passed, failed = _read_results(results)
        if failed or reason is not None or not passed:
            check_room(cwd, Path(tempfile.gettempdir()))
        if failed:
            raise BenchError(
                f"{len(failed)} of {len(failed) + len(passed)} tests failed: {'; '.join(failed)} {where}", log
            )
        if reason is not None or not passed:
            raise BenchError(f"{reason or 'no test ran'} {where}", log)
        return BenchRun(tuple(passed), seconds, seed, log, cwd / "dump.fst" if waves else None)


def _usual_seed() -> int:
    """What SPIKEWRIGHT_SEED says."""
    text = os.environ.get("SPIKEWRIGHT_SEED", str(DEFAULT_SEED))
    if not text.isdecimal():
        raise BenchError(f"SPIKEWRIGHT_SEED is {text!r}: allowed is a whole number")
    return int(text)


def _ended(status: int) -> str:
    """How a program ended that did not end well."""
    with suppress(ValueError):
        if status < 0:
            return f"ended by {signal.Signals(-status).name}"
    return f"status {status}"


def _assertions(module: str) -> dict[str, str]:
    """Failed assertions are quoted with their values in this module only.

    cocotb would have pytest, with all its plugins, rewrite whatever the bench imports, numpy too, anew in every run:
    two seconds of the two and a half that a small bench takes.
    """
    return {"COCOTB_REWRITE_ASSERTION_FILES": f"{module.split('.')[-1]}.py", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _read_results(path: Path) -> tuple[list[str], list[str]]:
    """Names of the tests that passed, and a sentence for each that failed, from cocotb's results.xml."""
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):  # it stopped before, or while it wrote them
        return [], []
    passed, failed = [], []
    for case in cases:
        fault = next((f for tag in ("failure", "error") if (f := case.find(tag)) is not None), None)
        if fault is not None:
            text = fault.get("message") or (fault.text or "").strip()
            failed.append(f"{case.get('name')}: {text.partition(chr(10))[0]}")
        elif case.find("skipped") is None:
            passed.append(case.get("name") or "")
    return passed, failed
