"""Files and folders as the readers see them: whatever the system refuses becomes a ``FormatError``."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from spikewright.models.formats.errors import FormatError


def read_bytes(path: Path, count: int = -1) -> bytes:
    """The content of a file, or its first ``count`` bytes; FormatError where the system refuses it."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise FormatError.at(path, f"cannot be read: {error.strerror or error}") from None


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Byte offset and text of each line of a UTF-8 file, without the blank ones and without blanks at the ends."""
    lines, offset = [], 0
    for line in read_bytes(path).splitlines(keepends=True):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise FormatError.at(path, "is not text; allowed is UTF-8", offset + error.start) from None
        if text:
            lines.append((offset, text))
        offset += len(line)
    return lines


def within(folder: Path | str, name: str) -> Path:
    """The folder ``name`` of the published archive: ``folder`` itself, or the one of that name in it."""
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise FormatError.at(folder, f"is not a folder; allowed is the folder {name}, or the one that holds it")
    inner = folder / name
    return inner if os.path.isdir(inner) else folder


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that takes numbers in names as numbers: ``a_9`` comes before ``a_10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(0, int(part), part) if part[0] in "0123456789" else (1, 0, part) for part in parts]


def listing(folder: Path) -> list[Path]:
    """What is in a folder, in natural order, without hidden entries (``.DS_Store`` and the like)."""
    try:
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural)
    except OSError as error:
        raise FormatError.at(folder, f"cannot be listed: {error.strerror or error}") from None


def class_folders(folder: Path) -> list[Path]:
    """The folders in ``folder``, sorted by name, capitals first: label k is the k-th."""
    folders = sorted((path for path in listing(folder) if os.path.isdir(path)), key=lambda path: path.name)
    if not folders:
        raise FormatError.at(folder, "holds no folders; allowed is one folder for each class")
    return folders


def files_of(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """The files in ``folder`` with one of the suffixes (lower case), in natural order; at least one."""
    suffixes = tuple(suffixes)
    files = [path for path in listing(folder) if path.suffix.lower() in suffixes]
    if not files:
        raise FormatError.at(folder, f"holds no files {', '.join('*' + suffix for suffix in suffixes)}")
    return files
