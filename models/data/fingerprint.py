"""A user's files by what is in them, so that a run knows its data again wherever it lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from spikewright.models.data.published import PUBLISHED
from spikewright.models.data.source import PublishedSet, UserFiles
from spikewright.models.formats.files import within


def fingerprint(path: Path | str) -> str:
    """SHA-256 of a file's content; of a folder, which may be large, of its files' names and sizes, sorted.

    Hidden files and folders are passed over and links followed, as by whoever reads the folder; a link to a folder
    around it is not.
    """
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    entries = [f"{member.relative_to(path).as_posix()}\0{member.stat().st_size}\n" for member in _files(path)]
    return f"sha256:{hashlib.sha256(os.fsencode(''.join(sorted(entries)))).hexdigest()}"


def _files(folder: Path, around: tuple[Path, ...] = ()) -> Iterator[Path]:
    within = (*around, folder.resolve())
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.resolve() not in within:
            yield from _files(path, within)


@cache
def by_content(source: UserFiles) -> dict[str, str]:
    """The paths of a source, by key, as fingerprints; once a process, as ``spikewright.models.data.load`` reads."""
    paths = {key: value for key in ("npz", "folder", "test") if (value := getattr(source, key, None)) is not None}
    if isinstance(source, PublishedSet) and (archive := PUBLISHED[source.set].archive) is not None:
        paths["folder"] = within(source.folder, archive)
    return {key: fingerprint(path) for key, path in paths.items()}
