"""Cutting a validation or test split out of images that have none: a stratified tenth, always the same one."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from spikewright.models.data.types import DataError, Indices

#: One image in so many of each class is cut off.
SHARE = 10
_SEED = 20234


def cut(labels: NDArray[np.int64], split_name: str) -> tuple[Indices, Indices]:
    """Indices, ascending, of the rest and of the part that is cut off.

    labels: ``[n]``; split_name: the part's, and its seed. Of each class a tenth goes, rounded, at least one image; the
    only image of a class stays. DataError where no class has two images.
    """
    rng = np.random.default_rng([_SEED, zlib.crc32(split_name.encode())])
    gone = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        if len(own) > 1:
            gone[own[: max(1, round(len(own) / SHARE))]] = True
    if not gone.any():
        raise DataError(f"there is no {split_name} split, and none can be cut: no class has two images")
    return np.flatnonzero(~gone), np.flatnonzero(gone)
