"""``clutter-digits``: a digit at a random place among fragments of other digits and noise (docs/methods.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikewright.models.data.digits import CLASSES, SIDE, SPLIT_SEED, jitter, native_digits, split_indices
from spikewright.models.data.types import Dataset, Images, Split

#: Number and side of the fragments of other digits, and the greatest grey level of the noise.
FRAGMENTS, FRAGMENT_SIDE, NOISE = 8, 3, 48


def clutter(native: Images, rng: np.random.Generator) -> tuple[Images, NDArray[np.bool_]]:
    """Put each 8×8 digit at a random place of a 16×16 canvas of noise and fragments of other digits of ``native``.

    The digit hides the fragments below it, so that the class stays legible. Returns the images ``[n, 16, 16, 1]`` and
    the digits' areas ``[n, 16, 16]``.
    """
    n = len(native)
    canvas = rng.integers(0, NOISE + 1, size=(n, SIDE, SIDE)).astype(np.uint8)
    noise = canvas.copy()
    areas = np.zeros((n, SIDE, SIDE), bool)
    side = FRAGMENT_SIDE
    donors = (np.arange(n)[:, None] + rng.integers(1, n, size=(n, FRAGMENTS))) % n
    corners = rng.integers(0, 8 - side + 1, size=(n, FRAGMENTS, 2))
    places = rng.integers(0, SIDE - side + 1, size=(n, FRAGMENTS, 2))
    spots = rng.integers(0, SIDE - 8 + 1, size=(n, 2))
    for i in range(n):
        for donor, (sy, sx), (y, x) in zip(donors[i], corners[i], places[i], strict=True):
            window = canvas[i, y : y + side, x : x + side]
            np.maximum(window, native[donor, sy : sy + side, sx : sx + side], out=window)
        y, x = spots[i]
        area = (i, slice(y, y + 8), slice(x, x + 8))
        canvas[area] = np.maximum(noise[area], native[i])
        areas[area] = True
    return canvas[..., None], areas


def clutter_digits(name: str, fold: int | None = None) -> Dataset:
    """The set; fragments and digits never cross from one split into another."""
    native, labels = native_digits()
    splits = []
    for number, indices in enumerate(split_indices(fold)):
        seed = [SPLIT_SEED, number] if fold is None else [SPLIT_SEED, number, fold]
        images, areas = clutter(native[indices], np.random.default_rng(seed))
        splits.append(Split(images, labels[indices], areas))
    digits = native[split_indices(fold)[0]]

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        images, areas = clutter(jitter(digits, rng) if jittered else digits, rng)
        return Split(images, splits[0].labels, areas)

    return Dataset(name, splits[0], splits[1], splits[2], refresh, CLASSES)
