"""Folders for the time of one command: they go with it, and where it was killed, with the next one in that place."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikewright.locks import is_at

#: How the names of all such folders begin. Their file ``lock`` is locked by the command that they belong to.
PREFIX, _LOCK = ".spikewright-", "lock"


@contextmanager
def scratch(parent: Path, *, blame: Path | None = None) -> Iterator[Path]:
    """A new folder in ``parent`` for the time of a block; what killed commands have left there goes first.

    ``parent`` is made, and goes again if it stays empty. blame: what an OSError is to name in place of files in the
    folder, ``parent`` without it.
    """
    blame = blame or parent
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    folder: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        folder, handle = _claim(parent)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
    except OSError as error:
        name = error.filename2 or error.filename
        if name is None or folder is None or os.fspath(name).startswith(str(folder)):
            error.filename, error.filename2 = str(blame), None
        raise
    finally:
        for made in missing:
            with suppress(OSError):
                made.rmdir()


def _claim(parent: Path) -> tuple[Path, int]:
    """A new folder, and the locked file in it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            handle = _open(folder)
        except FileNotFoundError:  # swept before it was locked
            continue
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        fcntl.flock(handle, fcntl.LOCK_EX)
        if is_at(handle, folder / _LOCK):
            return folder, handle
        os.close(handle)


def _open(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def sweep(parent: Path) -> None:
    """Remove the folders in ``parent`` whose commands are gone; those of others, or that cannot be removed, stay."""
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_stale(Path(entry.path))


def _remove_stale(folder: Path) -> None:
    if folder.lstat().st_uid != os.geteuid():
        return
    handle = _open(folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def check_room(*folders: Path) -> None:
    """OSError that names the first of the folders whose disk is full.

    Asked after a program failed that writes there: few say so, and some not even that they failed.
    """
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(bytes(1 << 20))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(error.errno, error.strerror, str(folder)) from None
