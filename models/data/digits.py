"""scikit-learn's 1797 handwritten digits, 16×16, 8 bit: the splits, and the set ``digits`` (docs/methods.md)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from spikewright.models.data.augment import moved
from spikewright.models.data.types import Dataset, Images, Indices, Split

SIDE, CLASSES = 16, 10
TEST_IMAGES = 360
VALIDATION_IMAGES = 180
#: Contiguous parts of load_digits' order, which is roughly by writer: each is a test set once.
FOLDS = 5
SPLIT_SEED = 20231
#: Training images move by up to so many pixels, each epoch anew.
REACH = 2


@cache
def native_digits() -> tuple[Images, NDArray[np.int64]]:
    """The 1797 digits as 8×8 bytes: the 17 grey levels 0…16 become round(level · 255 / 16)."""
    images, labels = load_digits(return_X_y=True)
    return np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels.astype(np.int64)


@cache
def split_indices(fold: int | None = None) -> tuple[Indices, Indices, Indices]:
    """Indices of train, validation and test in load_digits' order: fixed, disjoint, every digit in one of them.

    Without a fold, validation and test are stratified samples. With fold k of ``FOLDS`` the test is the k-th contiguous
    part, which holds writers that training hardly saw: the harder, more honest test. The validation is then the middle
    of the rest, for the same reason: what is chosen on it shall hold for other writers too.
    """
    _, labels = native_digits()
    everything = np.arange(len(labels))
    if fold is None:
        rest, test = train_test_split(everything, test_size=TEST_IMAGES, stratify=labels, random_state=SPLIT_SEED)
    else:
        if not 0 <= fold < FOLDS:
            raise ValueError(f"fold must be from 0 to {FOLDS - 1}, not {fold}")
        edges = [len(labels) * k // FOLDS for k in (fold, fold + 1)]
        test = everything[edges[0] : edges[1]]
        rest = np.setdiff1d(everything, test)
        first = (len(rest) - VALIDATION_IMAGES) // 2
        validation = rest[first : first + VALIDATION_IMAGES]
        return np.setdiff1d(rest, validation), validation, test
    train, validation = train_test_split(
        rest, test_size=VALIDATION_IMAGES, stratify=labels[rest], random_state=SPLIT_SEED
    )
    return np.sort(train), np.sort(validation), np.sort(test)


def enlarge(native: Images) -> Images:
    """8×8 ``[n, 8, 8]`` to 16×16 ``[n, 16, 16, 1]``, nearest neighbour."""
    return native.repeat(2, axis=1).repeat(2, axis=2)[..., None]


def jitter(native: Images, rng: np.random.Generator) -> Images:
    """Three of four 8×8 digits ``[n, 8, 8]`` turned, scaled, sheared and moved a little, as another hand writes.

    Rotation up to 15°, scale up to 15 %, shear up to a fifth, shift up to 0.7 pixel; bilinear, black outside.
    """
    n, side = len(native), native.shape[1]
    angle, shear = rng.uniform(-0.26, 0.26, n), rng.uniform(-0.2, 0.2, n)
    scale, move = rng.uniform(0.85, 1.15, (2, n)), rng.uniform(-0.7, 0.7, (2, n))
    chosen = rng.random(n) < 0.75
    middle = (side - 1) / 2
    y, x = (axis - middle for axis in np.mgrid[:side, :side].astype(np.float64))
    cos, sin = (f(angle)[:, None, None] for f in (np.cos, np.sin))
    at_y = scale[0][:, None, None] * (cos * y + sin * x) + move[0][:, None, None] + middle
    at_x = scale[1][:, None, None] * (cos * x - sin * y + shear[:, None, None] * y) + move[1][:, None, None] + middle
    padded = np.pad(native.astype(np.float64), ((0, 0), (4, 4), (4, 4)))
    top, left = np.floor(at_y).astype(np.int64), np.floor(at_x).astype(np.int64)
    fy, fx = at_y - top, at_x - left
    image = np.arange(n)[:, None, None]

    def corner(dy: int, dx: int) -> NDArray[np.float64]:
        rows, columns = (np.clip(i + 4, 0, side + 7) for i in (top + dy, left + dx))
        values: NDArray[np.float64] = padded[image, rows, columns]
        return values

    upper = corner(0, 0) * (1 - fx) + corner(0, 1) * fx
    lower = corner(1, 0) * (1 - fx) + corner(1, 1) * fx
    turned = np.clip(np.rint(upper * (1 - fy) + lower * fy), 0, 255).astype(np.uint8)
    return np.where(chosen[:, None, None], turned, native)


def digits(name: str, fold: int | None = None) -> Dataset:
    """The plain set."""
    native, labels = native_digits()
    train, validation, test = (
        Split(enlarge(native[i]), labels[i], np.ones((len(i), SIDE, SIDE), bool)) for i in split_indices(fold)
    )
    written = native[split_indices(fold)[0]]

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        bent = jitter(written, rng) if jittered else written
        return Split(moved(enlarge(bent), rng, REACH), train.labels, train.areas)

    return Dataset(name, train, validation, test, refresh, CLASSES)
