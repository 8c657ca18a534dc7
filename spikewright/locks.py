"""Kernel locks on files: they end with their owner, however that ends, and leave nothing to clean up."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikewright.errors import PlainError


class BusyError(PlainError):
    """Another command is at work in the same place; the text says where, and what helps."""


@contextmanager
def hold(path: Path, *, shared: bool = False, busy: str | None = None, remove: bool = False) -> Iterator[None]:
    """Hold the lock on a file for a block. OSError where it cannot be opened or locked.

    shared: beside others that share it; the file must be there, and may be read-only. Else nobody else has it, and the
    file is made where there is none; busy: sentence of the BusyError if another has it, None waits; remove: take the
    file away at the end.
    """
    handle = _locked(path, shared, busy)
    try:
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)  # who waits for it sees that it is gone, and makes a new one
        os.close(handle)


def _locked(path: Path, shared: bool, busy: str | None) -> int:
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (fcntl.LOCK_NB if busy is not None else 0)
    while True:
        handle = os.open(path, flags | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, kind)
            if is_at(handle, path):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise BusyError(busy or "") from None
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError):
                error.filename = str(path)
            raise
        os.close(handle)  # another has removed or replaced it while this one waited


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``."""
    try:
        there, mine = path.stat(), os.fstat(handle)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
