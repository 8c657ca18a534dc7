"""A file is there whole or as it was before."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from spikewright import files
from spikewright.files import exchange, write_whole
from spikewright.locks import hold


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is interrupted while writing or while moving, and nothing else is left beside it."""
    write_whole(tmp_path / "a", b"old")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    def writes_half(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device", str(path))

    for place, name, died, error in (
        (os, "replace", dies, KeyboardInterrupt),
        (Path, "write_bytes", writes_half, OSError),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, died)
            with pytest.raises(error):
                write_whole(tmp_path / "a", b"new")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}
    write_whole(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new"}


def test_a_write_takes_away_what_a_killed_one_left(tmp_path: Path) -> None:
    """And not what another is writing."""
    for name in (".a.1-1.part", ".a.2-2.part", ".b.1-1.part"):
        (tmp_path / name).write_bytes(b"half")
    with hold(tmp_path / ".a.2-2.part"):
        write_whole(tmp_path / "a", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".a.2-2.part", ".b.1-1.part"}


def test_two_threads_write_one_file(tmp_path: Path) -> None:
    texts = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: [write_whole(tmp_path / "a", text) for _ in range(10)], texts))
    assert (tmp_path / "a").read_bytes() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("code", [0, errno.EINVAL])
def test_folders_change_places(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file system cannot do so at once."""
    if code:
        monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(renameat2=lambda *_: -1))
        monkeypatch.setattr(files.ctypes, "get_errno", lambda: code)
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    exchange(tmp_path / "new", tmp_path / "old")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*/*")) == ["new/old", "old/new"]
    with pytest.raises(OSError, match="No such file"):
        exchange(tmp_path / "absent", tmp_path / "old")
    assert (tmp_path / "old" / "new").is_file()
