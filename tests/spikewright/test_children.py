"""Programs end with what started them: with a signal, a time limit, a killed parent, or work that is given up."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spikewright import children

PARENT = """
import os
from pathlib import Path
from spikewright import children
from spikewright.scratch import scratch
with children.signals():
    try:
        with scratch(Path()) as folder:
            command = ["sh", "-c", "sleep 600 & echo $$ $!; sleep 600"]
            children.run(command, cwd=folder, env=os.environ)
    except KeyboardInterrupt:
        raise SystemExit(1)
"""


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(*numbers: int, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while any(map(is_running, numbers)):
        assert time.monotonic() < end, f"of {numbers} some are running"
        time.sleep(0.02)


def run(*command: str, **options):
    return children.run(command, cwd=Path("/"), env=os.environ, **options)


def test_status_output_and_input(tmp_path):
    assert run("sh", "-c", "exit 3").returncode == 3
    done = run("sh", "-c", "echo out; echo err >&2; cat", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"out\nerr\n")
    assert run("sh", "-c", "kill -9 $$").returncode == -9
    with (tmp_path / "log").open("w") as log:
        run("echo", "a b", "$HOME", stdout=log)
    assert (tmp_path / "log").read_text() == "a b $HOME\n"


def test_a_time_limit_ends_what_a_program_has_started(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        run("sh", "-c", f"sleep 600 & echo $! > {tmp_path}/number; wait", timeout=0.5)
    wait_for_end(int((tmp_path / "number").read_text()))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
def test_a_parent_that_is_ended(name, tmp_path):
    # a shell that runs it in the background would have it ignore SIGINT
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, stdout=subprocess.PIPE) as parent:
        numbers = [int(number) for number in parent.stdout.readline().split()]
        assert [is_running(number) for number in numbers] == [True, True]
        parent.send_signal(getattr(signal, name))
        assert parent.wait(5) == (-9 if name == "SIGKILL" else 1)
    wait_for_end(*numbers)
    left = list(tmp_path.iterdir())
    assert len(left) == (name == "SIGKILL")  # and goes with the next command
    end = time.monotonic() + 5
    while any(str(tmp_path) in folder for folder in _working_folders()):
        assert time.monotonic() < end, "something is left there"
        time.sleep(0.02)


LIBRARY = PARENT.replace("children.run(command, cwd=folder, env=os.environ)", "start(command)").replace(
    "import os\n",
    "import os, subprocess\ndef start(command):\n    children.watch()\n    subprocess.Popen(command).wait()\n",
)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_what_a_library_starts_ends_too(name, tmp_path):
    with subprocess.Popen([sys.executable, "-c", LIBRARY], cwd=tmp_path, stdout=subprocess.PIPE) as parent:
        numbers = [int(number) for number in parent.stdout.readline().split()]
        assert [is_running(number) for number in numbers] == [True, True]
        parent.send_signal(getattr(signal, name))
        parent.wait(5)
    wait_for_end(*numbers)


def _working_folders():
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            yield os.readlink(link)
        except OSError:
            continue


def test_a_watcher_that_was_killed_is_replaced():
    run("true")
    children._watcher.kill()
    children._watcher.wait()
    assert run("echo", "a", stdout=subprocess.PIPE).stdout == b"a\n"


def test_programs_end_with_their_work_and_starts_nothing_more():
    caught = []

    def work():
        try:
            own.call(run, "sleep", "600")
        except BaseException as error:
            caught.append(error)

    with children.programs() as own:
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)
        outside = threading.Thread(target=lambda: caught.append(run("sleep", "0.5").returncode))
        outside.start()
        start = time.monotonic()
    thread.join(5)
    assert time.monotonic() - start < 2
    work()
    assert [type(error) for error in caught] == [children.Stopped] * 2
    outside.join(5)
    assert caught[-1] == 0, "others go on"


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with children.signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is children._stop
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
