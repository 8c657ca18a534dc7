"""What every data set is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spikewright.errors import PlainError

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]


class DataError(PlainError):
    """A data set cannot be had; the text is one sentence."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels, in one order.

    images: uint8 ``[n, H, W, C]``, or ``[n, T, H, W, C]`` where each step has a frame of its own; labels: int64
    ``[n]``; areas: bool ``[n, H, W]``, the box of the thing to be named, where the set knows it.
    """

    images: Images
    labels: NDArray[np.int64]
    areas: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.labels)


class Refresh(Protocol):
    """``refresh(rng)``: the training split augmented afresh, same labels and order; ``jittered`` also bends digits."""

    def __call__(self, rng: np.random.Generator, jittered: bool = False) -> Split: ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """Train, validation and test, and the augmentation of the training split.

    classes: the labels are 0 … classes − 1; counts: the images are event counts, not grey levels
    (``spikewright.models.data.codes``).
    """

    name: str
    train: Split
    validation: Split
    test: Split
    refresh: Refresh = field(repr=False)
    classes: int
    counts: bool = False
