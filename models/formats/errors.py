"""The one error of all readers of data files."""

from pathlib import Path
from typing import Self

from spikewright.errors import PlainError


class FormatError(PlainError):
    """A file or folder is not what its format allows: one sentence that starts with the path and says what is allowed.

    Where the content of a file is wrong or cut off, the sentence names the byte offset.
    """

    @classmethod
    def at(cls, path: Path, fault: str, offset: int | None = None) -> Self:
        """The error of ``path``, at a byte where that is known."""
        return cls(f"{path}: {fault}" if offset is None else f"{path}: byte {offset}: {fault}")
