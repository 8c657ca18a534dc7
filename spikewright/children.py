"""Programs that the project starts: they and all that they start end with it, however it ends.

Each is a session of its own, so that it can be ended whole. A small watcher process is told of each; when the pipe to
it closes, because this process has ended, by SIGKILL too, it ends those that are left, and of a command also what
libraries have started: all its programs carry its mark in their environment. Signals that stop a command end them at
once.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, ParamSpec, TypeVar

#: What stops a command; all of them end it as Ctrl-C does.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Wall seconds in which a command that was stopped leaves; then it is ended where it stands.
GRACE = 3.0

#: Variable that marks what a command has started.
MARK = "SPIKEWRIGHT_COMMAND"
#: Wall seconds between two looks at a program that is at work.
LOOK = 0.5

_WATCHER = """
import glob, os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
running = set()
for line in sys.stdin:
    number = int(line)
    (running.add if number > 0 else running.discard)(abs(number))
for number in running:
    try:
        os.killpg(number, signal.SIGKILL)
    except OSError:
        pass
mark = b"{MARK}=" + os.environb.get(b"{MARK}", b"")
for name in glob.glob("/proc/[0-9]*/environ") if os.environb.get(b"{MARK}") else []:
    try:
        with open(name, "rb") as file:
            if mark in file.read().split(b"\\0") and int(name.split("/")[2]) != os.getpid():
                os.kill(int(name.split("/")[2]), signal.SIGKILL)
    except OSError:
        pass
""".replace("{MARK}", MARK)
#: Tells the watcher of itself, through its standard input, and becomes the program, which gets no input.
_ANNOUNCE = 'echo "$$" >&0; exec "$@" </dev/null'

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


class Stopped(KeyboardInterrupt):
    """A signal ended the command, or the work that a program was started for."""


class Programs:
    """Programs that are started for one piece of work, from any thread, and end with it."""

    def __init__(self) -> None:
        self.ended = False

    def call(self, function: Callable[Arguments, Returned], *args: Arguments.args, **kw: Arguments.kwargs) -> Returned:
        """Call a function, whose programs are these."""
        before, _own.programs = getattr(_own, "programs", None), self
        try:
            return function(*args, **kw)
        finally:
            _own.programs = before


_own = threading.local()
_lock = threading.RLock()  # a signal handler may come while its own thread has it
_running: dict[subprocess.Popen[bytes], Programs | None] = {}
_watcher: subprocess.Popen[bytes] | None = None
_stopping = False


def _forget() -> None:
    """A forked process has no programs yet, and must not keep its parent's watcher waiting."""
    global _watcher, _lock
    _lock = threading.RLock()
    _running.clear()
    if _watcher is not None and _watcher.stdin is not None:
        _watcher.stdin.close()
        _watcher.returncode = 0  # it is not this process' child
    _watcher = None


os.register_at_fork(after_in_child=_forget)


@contextmanager
def programs() -> Iterator[Programs]:
    """Programs of a block of code; what is still running at its end is ended."""
    own = Programs()
    try:
        yield own
    finally:
        with _lock:
            own.ended = True
            for process, of in _running.items():
                if of is own:
                    _kill(process)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: IO[str] | int | None = None,
    timeout: float | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, without input; standard error goes where ``stdout`` goes.

    Raises what ``subprocess.run`` raises; ``Stopped`` where the command was stopped. timeout: wall seconds;
    meanwhile: is called every ``LOOK`` seconds while the program runs.
    """
    own: Programs | None = getattr(_own, "programs", None)
    with _lock:
        _check_wanted(own)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _ANNOUNCE, "sh", *map(str, command)],
            cwd=cwd,
            env=dict(env),
            stdin=_watch(),
            stdout=stdout,
            stderr=None if stdout is None else subprocess.STDOUT,
            start_new_session=True,
        )
        _running[process] = own
    try:
        output = _output(process, timeout, meanwhile)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        with _lock:
            _running.pop(process, None)
            with suppress(OSError):
                os.write(_watch().fileno(), f"-{process.pid}\n".encode())
    _check_wanted(own)  # else it may have been ended by us
    return subprocess.CompletedProcess(list(command), process.returncode, output)


def _output(
    process: subprocess.Popen[bytes], timeout: float | None, meanwhile: Callable[[], None] | None
) -> bytes | None:
    """Wait for a program's end; what it has written."""
    if meanwhile is None:
        return process.communicate(timeout=timeout)[0]
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return process.communicate(timeout=max(0.0, min(LOOK, end - time.monotonic())))[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired(process.args, timeout or 0.0) from None
            meanwhile()


def _check_wanted(own: Programs | None) -> None:
    """``Stopped`` where the work that a program is for has ended."""
    if _stopping or (own is not None and own.ended):
        raise Stopped


def watch() -> None:
    """Have what libraries start from now on end with this command, too."""
    with _lock:
        _watch()


def _watch() -> IO[bytes]:
    """The pipe to the watcher, which is started where there is none."""
    global _watcher
    if _watcher is None or _watcher.poll() is not None:
        _watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHER],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for process in _running:
            os.write(_watcher.stdin.fileno(), f"{process.pid}\n".encode())  # type: ignore[union-attr]
    assert _watcher.stdin is not None
    return _watcher.stdin


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    if process.returncode is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def end_all() -> None:
    """End every program that this process has started, also those of libraries."""
    with _lock:
        for process in _running:
            _kill(process)
        kept = None if _watcher is None else _watcher.pid
        for number in _direct_children():
            if number != kept:
                with suppress(OSError):
                    os.kill(number, signal.SIGKILL)


def _direct_children() -> list[int]:
    """Process ids of the children of all threads, where the kernel tells them."""
    numbers: list[int] = []
    for tasks in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError, ValueError):
            numbers += map(int, tasks.read_text().split())
    return numbers


@contextmanager
def signals() -> Iterator[None]:
    """Let signals stop the command of this process: its programs end at once, and ``Stopped`` unwinds what it did.

    One that is ignored, as ``nohup`` does, stays ignored.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    os.environ[MARK] = f"{os.getpid()}-{time.time_ns()}"
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.environ.pop(MARK, None)


def stopped() -> bool:
    """Whether a signal has stopped this command."""
    return _stopping


def _stop(number: int, frame: FrameType | None) -> None:
    global _stopping
    end_all()
    if _stopping:  # the second time: at once
        os._exit(1)
    _stopping = True
    # an exception may be lost where Python calls back, and a library may not return
    last = threading.Timer(GRACE, os._exit, (1,))
    last.daemon = True
    last.start()
    raise Stopped
