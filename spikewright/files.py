"""Files that are there whole or not at all, whatever interrupts their writing."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` so that no reader ever sees half a file; OSError, which names a file, where it cannot be written.

    It is written to a hidden name beside ``path`` and moved; where that fails, what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")  # two processes may write into one folder
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk does not say whose bytes found no room
            error.filename = str(path)
        raise
