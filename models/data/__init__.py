"""Data sets: those at hand by name, others from a user's files (source.py says how); nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from spikewright.echo import quoted
from spikewright.models.data.clutter import clutter_digits
from spikewright.models.data.codes import count_table, encode, input_table
from spikewright.models.data.digits import FOLDS, digits
from spikewright.models.data.event_digits import event_digits
from spikewright.models.data.files import from_files
from spikewright.models.data.fingerprint import by_content, fingerprint
from spikewright.models.data.mnist import mnist_5k
from spikewright.models.data.published import PUBLISHED
from spikewright.models.data.source import PublishedSet, Source, UserFiles, UserPath
from spikewright.models.data.types import DataError, Dataset, Images, Refresh, Split
from spikewright.models.nearest import unknown

__all__ = [
    "DataError",
    "Dataset",
    "Images",
    "PublishedSet",
    "Refresh",
    "Source",
    "Split",
    "UserFiles",
    "UserPath",
    "by_content",
    "can_be_bent",
    "count_table",
    "encode",
    "fingerprint",
    "input_table",
    "load",
    "parse_name",
]

#: Sets that may be split in FOLDS ways, and those that are split in one.
_IN_FOLDS: dict[str, Callable[[str, int | None], Dataset]] = {
    "digits": digits,
    "clutter-digits": clutter_digits,
    "event-digits": event_digits,
}
_WHOLE: dict[str, Callable[[str], Dataset]] = {"mnist-5k": mnist_5k}


#: Sets whose ``refresh`` does something else where it is jittered.
_BENT = ("digits", "clutter-digits", "mnist-5k")


def can_be_bent(source: str | UserFiles) -> bool:
    """Whether jitter changes the training images."""
    return isinstance(source, str) and parse_name(source)[0] in _BENT


def parse_name(name: str) -> tuple[str, int | None]:
    """Set and fold of a name, ``SET`` or ``SET:k``; DataError if there is no such set or fold."""
    known, colon, fold = name.partition(":")
    if known in PUBLISHED:
        raise DataError(
            f"data {quoted(name)} is not at hand: name the folder of its files, {{set: {known}, folder: DIR}}"
        )
    if known not in _IN_FOLDS and known not in _WHOLE:
        raise DataError(unknown("data set", known, sorted(_IN_FOLDS | _WHOLE)))
    if colon and known in _WHOLE:
        raise DataError(f"data {quoted(name)} names a fold, but {known} has one split only: write {known}")
    if colon and (not fold.isdecimal() or int(fold) >= FOLDS):
        raise DataError(f"the fold in data {quoted(name)} must be from 0 to {FOLDS - 1}")
    return known, int(fold) if colon else None


@cache
def load(source: str | UserFiles) -> Dataset:
    """The data set of a name or of files, read once a process.

    ``NAME:k`` is the k-th fold of a set at hand (``spikewright.models.data.digits.split_indices``). DataError,
    FormatError (``spikewright.models.formats``) where it cannot be had.
    """
    if not isinstance(source, str):
        return from_files(source)
    known, fold = parse_name(source)
    return _WHOLE[known](source) if known in _WHOLE else _IN_FOLDS[known](source, fold)
