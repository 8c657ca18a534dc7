"""Where simulators are kept: a folder that can be written, and whose name make and Verilator can take."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from spikewright.errors import PlainError

#: Names the folder; then nothing else is tried.
VARIABLE = "SPIKEWRIGHT_BUILDS"
#: What a path may not hold, because make, a shell or the linker would take it for something else.
_SPECIAL = re.compile(r"[^\w/.+-]")


class CacheError(PlainError):
    """There is no folder in which a simulator could be built; the text is one sentence."""


def special(path: Path) -> str | None:
    """The first character of a path that make and Verilator cannot take, None where they take it."""
    found = _SPECIAL.search(str(path))
    return found[0] if found else None


def simulators_in(preferred: Path | None) -> Path:
    """The folder that SPIKEWRIGHT_BUILDS names; else the preferred one, or one of this user's where that cannot be."""
    if named := os.environ.get(VARIABLE):
        folder = Path(named).absolute()
        if fault := _fault(folder):
            raise CacheError(f"{VARIABLE} names {folder}, {fault}: name another folder")
        return folder
    faults = []
    for folder in filter(None, (preferred, *own_folders("simulators"))):
        fault = _fault(folder.absolute())
        if fault is None:
            return folder.absolute()
        faults.append(f"{folder}, {fault}")
    raise CacheError(f"no folder for simulators ({'; '.join(faults)}): name one with {VARIABLE}")


def own_folders(name: str) -> Iterator[Path]:
    """Folders of this user for what can be made again, the best one first."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        yield Path(base) / "spikewright" / name
    elif (home := _home()) is not None:
        yield home / ".cache" / "spikewright" / name
    places = ["/tmp", "/var/tmp"]
    with suppress(FileNotFoundError):
        places.insert(0, tempfile.gettempdir())
    for place in dict.fromkeys(places):
        mine = Path(place) / f"spikewright-{os.geteuid()}"
        if _private(mine):
            yield mine / name


def usable(folders: Iterator[Path]) -> Path | None:
    """The first folder in which can be built."""
    return next((folder for folder in folders if _fault(folder) is None), None)


def _home() -> Path | None:
    if os.environ.get("HOME", "/") == "":
        return None
    with suppress(RuntimeError):
        home = Path.home()
        return home if home.is_dir() else None
    return None


def _private(folder: Path) -> bool:
    """Whether a folder beside those of other users is this user's, and nobody else can put a simulator there."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o022
    return False


def _fault(folder: Path) -> str | None:
    """Why nothing can be built in a folder, which is made where it is not there; OSError where its disk is full."""
    if char := special(Path(os.path.realpath(folder))):  # make sees where links lead
        return f"and make cannot build in a folder with {char!r} in its name"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return f"which cannot be made ({error.strerror})"
    return None if os.access(folder, os.W_OK | os.X_OK) else "which cannot be written"


def plain_name(path: Path, cache: Path) -> Path:
    """A name of a file or folder that make can take: its own, or that of a link to it in the cache."""
    if special(path) is None:
        return path
    link = cache / ".links" / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    link.parent.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(path)
    return link
