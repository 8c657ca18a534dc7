"""Locks end with their owner; a file that was replaced or removed meanwhile is not the one that was waited for."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spikewright.locks import BusyError, hold

OWNER = "import sys, time\nfrom pathlib import Path\nfrom spikewright.locks import hold\n"
OWNER += "with hold(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


def test_one_owner_or_several_readers(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with hold(file), pytest.raises(BusyError, match=r"^in use$"), hold(file, busy="in use"):
        pass
    with hold(file, shared=True), hold(file, shared=True):  # noqa: SIM117
        with pytest.raises(BusyError), hold(file, busy="in use"):
            pass
    with hold(file, busy="in use", remove=True):
        assert file.is_file()
    assert not file.exists()
    with pytest.raises(FileNotFoundError), hold(file, shared=True):
        pass


def test_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", OWNER, file], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(BusyError), hold(file, busy="in use"):
            pass
        owner.kill()
    with hold(file, busy="in use"):
        pass


@pytest.mark.parametrize("remove", [True, False])
def test_who_waited_for_a_file_that_is_gone_takes_the_new_one(remove: bool, tmp_path: Path) -> None:
    file, order = tmp_path / "file", []
    waiting = threading.Thread(target=lambda: _hold_and_note(file, order))
    with hold(file, remove=remove):
        waiting.start()
        waiting.join(0.2)
        assert not order
        if not remove:
            (tmp_path / "new").write_text("new")
            (tmp_path / "new").replace(file)
    waiting.join(10)
    assert order == ["" if remove else "new"]


def _hold_and_note(file: Path, order: list[str]) -> None:
    with hold(file):
        order.append(file.read_text())
