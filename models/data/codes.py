"""Images as the integer codes that networks and hardware read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikewright.models.data.types import DataError, Images

#: Images that are counted at once.
_PART = 4096


def _histograms(images: Images) -> NDArray[np.int64]:
    """How often each byte is in each channel, ``[C, 256]``; in parts, since a set may fill half of the memory."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for first in range(0, len(images), _PART):
        part = images[first : first + _PART]
        for channel, row in enumerate(counts):
            row += np.bincount(part[..., channel].reshape(-1), minlength=256)
    return counts


def input_table(train: Images, *, bits: int = 8) -> NDArray[np.int16]:
    """Byte to signed code ``[C, 256]``: ``(p − mean)/std`` of the training images in steps of 4/2^(bits−1), clipped.

    The code 0 is the mean grey level; the zero padding of the first convolution is this code. DataError where a
    channel is the same everywhere.
    """
    levels = np.arange(256)[None, :]
    shares = _histograms(train) / (train.size // train.shape[-1])
    mean = (shares * levels).sum(1, keepdims=True)
    std = np.sqrt((shares * (levels - mean) ** 2).sum(1, keepdims=True))
    if not std.all():
        channel = int(np.flatnonzero(std == 0)[0])
        raise DataError(f"channel {channel} of the training images is {mean[channel, 0]:g} everywhere")
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
