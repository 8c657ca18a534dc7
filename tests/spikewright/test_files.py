"""A file is there whole or as it was before."""

import os
from pathlib import Path

import pytest

from spikewright.files import write_whole


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
