"""Scratch folders go with their command, or with the next one; errors in them name the place that the user knows."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spikewright import scratch as module
from spikewright.scratch import PREFIX, check_room, scratch

OWNER = "import sys, time\nfrom pathlib import Path\nfrom spikewright.scratch import scratch\n"
OWNER += "with scratch(Path(sys.argv[1])) as folder:\n    (folder / 'half').write_text('a')\n"
OWNER += "    print(folder.name, flush=True)\n    time.sleep(60)\n"


def test_it_goes_at_the_end_with_the_parents_that_it_made(tmp_path: Path) -> None:
    with scratch(tmp_path / "a" / "b") as folder:
        (folder / "deep").mkdir()
        assert folder.parent == tmp_path / "a" / "b"
    assert not any(tmp_path.iterdir())
    with scratch(tmp_path / "a") as folder:
        (folder / "result").write_text("kept")
        (folder / "result").rename(tmp_path / "a" / "result")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["result"]


def test_what_a_killed_command_left_goes_with_the_next_and_what_another_uses_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().decode().strip()
        with scratch(tmp_path) as folder:
            assert {path.name for path in tmp_path.iterdir()} == {name, folder.name}
        owner.kill()
    (tmp_path / f"{PREFIX}mine.txt").write_text("a file is none of these folders")
    with scratch(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, f"{PREFIX}mine.txt"}


def test_an_error_names_the_place_and_not_a_file_that_is_gone(tmp_path: Path) -> None:
    for blame in (None, Path("BUILD")):
        with pytest.raises(OSError, match="full") as caught, scratch(tmp_path, blame=blame):
            raise OSError(errno.ENOSPC, "full")
        assert caught.value.filename == str(blame or tmp_path)
        with pytest.raises(FileNotFoundError) as caught, scratch(tmp_path, blame=blame) as folder:
            (folder / "absent").read_text()
        assert caught.value.filename == str(blame or tmp_path)
    with pytest.raises(FileNotFoundError) as caught, scratch(tmp_path):
        (tmp_path / "absent").read_text()
    assert caught.value.filename == str(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"File exists|Not a directory") as caught, scratch(tmp_path / "file" / "in"):
        pass
    assert caught.value.filename == str(tmp_path / "file" / "in")
    assert not any(path.name.startswith(PREFIX) for path in tmp_path.iterdir())


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path, tmp_path / "absent")

    class Full:
        def __init__(self, dir: Path) -> None:
            self.full = dir == tmp_path

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, data: bytes) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.tempfile, "TemporaryFile", Full)
    with pytest.raises(OSError, match="No space left") as caught:
        check_room(tmp_path.parent, tmp_path)
    assert caught.value.filename == str(tmp_path)
