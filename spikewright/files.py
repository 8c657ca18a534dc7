"""Files and folders that are there whole or not at all, whatever interrupts their writing."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from spikewright.locks import hold, is_at

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` so that no reader ever sees half a file; OSError, which names a file, where it cannot be written.

    It is written to a hidden name beside ``path`` and moved; where that fails, what was there before stays. What a
    killed process has left of such a write goes first.
    """
    # two processes, or threads, may write into one folder
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    try:
        _remove_parts(path)
        with hold(temporary):
            temporary.write_bytes(data)
            os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and str(error.filename2 or error.filename or temporary) == str(temporary):
            error.filename, error.filename2 = str(path), None  # a full disk does not say whose bytes found no room
        raise


def _remove_parts(path: Path) -> None:
    """Remove what is left of writes whose processes are gone."""
    with suppress(OSError):
        for entry in list(os.scandir(path.parent)):
            if entry.name.startswith(f".{path.name}.") and entry.name.endswith(".part"):
                with suppress(OSError), open(entry.path, "rb+") as part:
                    fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if is_at(part.fileno(), Path(entry.path)):
                        os.unlink(entry.path)


def exchange(new: Path, old: Path) -> None:
    """Put one folder in the place of another at once, and that one in its place."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        if rename(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
        if (code := ctypes.get_errno()) not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
            raise OSError(code, os.strerror(code), str(old))
    aside = new.with_name(f"{new.name}.aside")  # where the file system knows no exchange: all but at once
    os.rename(old, aside)
    try:
        os.rename(new, old)
    except BaseException:
        os.rename(aside, old)
        raise
    os.rename(aside, new)
