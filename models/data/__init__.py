"""Data sets by name, and images as the integer codes that networks and hardware read.

The digits' sets are at hand. Files of other sets have readers in models/formats; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spikewright.models.data.clutter import clutter_digits
from spikewright.models.data.digits import FOLDS, digits
from spikewright.models.data.event_digits import event_digits
from spikewright.models.data.types import Dataset, Images, Refresh, Split

__all__ = [
    "DataError",
    "Dataset",
    "Images",
    "Refresh",
    "Split",
    "count_table",
    "encode",
    "input_table",
    "load",
    "parse_name",
]

_AT_HAND: dict[str, Callable[[str, int | None], Dataset]] = {
    "digits": digits,
    "clutter-digits": clutter_digits,
    "event-digits": event_digits,
}


class DataError(ValueError):
    """There is no such data set; the text is one sentence."""


def parse_name(name: str) -> tuple[str, int | None]:
    """Set and fold of a name, ``SET`` or ``SET:k``; DataError if there is no such set or fold."""
    known, colon, fold = name.partition(":")
    if known not in _AT_HAND:
        raise DataError(f"data must be one of {', '.join(sorted(_AT_HAND))}, not {name!r}")
    if colon and (not fold.isdecimal() or int(fold) >= FOLDS):
        raise DataError(f"the fold in data {name!r} must be from 0 to {FOLDS - 1}")
    return known, int(fold) if colon else None


@cache
def load(name: str) -> Dataset:
    """The data set ``name``; ``name:k`` is its k-th fold (:func:`spikewright.models.data.digits.split_indices`)."""
    known, fold = parse_name(name)
    return _AT_HAND[known](name, fold)


def input_table(train: Images, *, bits: int = 8) -> NDArray[np.int16]:
    """Byte to signed code ``[C, 256]``: ``(p − mean)/std`` of the training images in steps of 4/2^(bits−1), clipped.

    The code 0 is the mean grey level; the zero padding of the first convolution is this code.
    """
    pixels = train.reshape(-1, train.shape[-1]).astype(np.float64)
    mean, std = pixels.mean(0)[:, None], pixels.std(0)[:, None]
    levels = np.arange(256)[None, :]
    top = 2 ** (bits - 1)
    codes = np.rint((levels - mean) / std * (top / 4))
    table: NDArray[np.int16] = np.clip(codes, -top, top - 1).astype(np.int16)
    return table


def count_table(channels: int, *, bits: int) -> NDArray[np.int16]:
    """Byte to unsigned code ``[C, 256]`` for event counts: the count itself, saturating at 2^bits − 1."""
    codes = np.minimum(np.arange(256), 2**bits - 1).astype(np.int16)
    return np.tile(codes, (channels, 1))


def encode(images: Images, table: NDArray[np.int16]) -> NDArray[np.int16]:
    """Images ``[n, H, W, C]`` through the table: integer codes ``[n, C, H, W]``, the layout the networks read.

    Frames ``[n, T, H, W, C]`` become ``[n, T, C, H, W]``.
    """
    planes: list[NDArray[np.int16]] = [table[c][images[..., c]] for c in range(images.shape[-1])]
    codes: NDArray[np.int16] = np.stack(planes, axis=-3)
    return codes
