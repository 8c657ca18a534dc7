"""The two real data sets at hand: ``digits`` and ``clutter-digits``, 16×16, 8 bit (docs/methods.md).

Both share one stratified split of scikit-learn's 1797 handwritten digits. The test images are for reports only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Images = NDArray[np.uint8]
SIDE = 16
TEST_IMAGES = 360
VALIDATION_IMAGES = 180
_SPLIT_SEED = 20231
#: Clutter: number and side of the fragments of other digits, and the greatest grey level of the noise.
FRAGMENTS, FRAGMENT_SIDE, NOISE = 8, 3, 48


@dataclass(frozen=True)
class Split:
    """``images`` uint8 ``[n, 16, 16, 1]``, ``labels`` int64 ``[n]``, ``areas`` bool ``[n, 16, 16]``: digit's box."""

    images: Images
    labels: NDArray[np.int64]
    areas: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)


class Refresh(Protocol):
    """``refresh(rng)``: the training split augmented afresh, same labels and order; ``jittered`` also bends digits."""

    def __call__(self, rng: np.random.Generator, jittered: bool = False) -> Split: ...


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test, and the augmentation of the training split."""

    name: str
    train: Split
    validation: Split
    test: Split
    refresh: Refresh = field(repr=False)


@cache
def _native() -> tuple[Images, NDArray[np.int64]]:
    """The 1797 digits as 8×8 bytes: the 17 grey levels 0…16 become round(level · 255 / 16)."""
    images, labels = load_digits(return_X_y=True)
    return np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels.astype(np.int64)


@cache
def split_indices() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Indices of train, validation and test in load_digits' order: stratified by class, fixed, disjoint."""
    _, labels = _native()
    everything = np.arange(len(labels))
    rest, test = train_test_split(everything, test_size=TEST_IMAGES, stratify=labels, random_state=_SPLIT_SEED)
    train, validation = train_test_split(
        rest, test_size=VALIDATION_IMAGES, stratify=labels[rest], random_state=_SPLIT_SEED
    )
    return np.sort(train), np.sort(validation), np.sort(test)


def enlarge(native: Images) -> Images:
    """8×8 ``[n, 8, 8]`` to 16×16 ``[n, 16, 16, 1]``, nearest neighbour."""
    return native.repeat(2, axis=1).repeat(2, axis=2)[..., None]


def shift(images: Images, rng: np.random.Generator, reach: int = 2) -> Images:
    """Each image ``[n, H, W, 1]`` moved by up to ``reach`` pixels each way; black moves in."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    out = np.empty_like(images)
    for i, (dy, dx) in enumerate(rng.integers(0, 2 * reach + 1, size=(n, 2))):
        out[i] = padded[i, dy : dy + height, dx : dx + width]
    return out


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


def clutter(native: Images, rng: np.random.Generator) -> tuple[Images, NDArray[np.bool_]]:
    """Put each 8×8 digit at a random place of a 16×16 canvas of noise and fragments of other digits of ``native``.

    The digit hides the fragments below it, so that the class stays legible. Returns the images and the digits' areas.
    """
    n = len(native)
    canvas = rng.integers(0, NOISE + 1, size=(n, SIDE, SIDE)).astype(np.uint8)
    noise = canvas.copy()
    areas = np.zeros((n, SIDE, SIDE), bool)
    side = FRAGMENT_SIDE
    others = (np.arange(n)[:, None] + rng.integers(1, n, size=(n, FRAGMENTS))) % n
    corners = rng.integers(0, 8 - side + 1, size=(n, FRAGMENTS, 2))
    places = rng.integers(0, SIDE - side + 1, size=(n, FRAGMENTS, 2))
    spots = rng.integers(0, SIDE - 8 + 1, size=(n, 2))
    for i in range(n):
        for other, (sy, sx), (y, x) in zip(others[i], corners[i], places[i], strict=True):
            window = canvas[i, y : y + side, x : x + side]
            np.maximum(window, native[other, sy : sy + side, sx : sx + side], out=window)
        y, x = spots[i]
        area = (i, slice(y, y + 8), slice(x, x + 8))
        canvas[area] = np.maximum(noise[area], native[i])
        areas[area] = True
    return canvas[..., None], areas


def _digits(name: str) -> Dataset:
    native, labels = _native()
    train, validation, test = (
        Split(enlarge(native[i]), labels[i], np.ones((len(i), SIDE, SIDE), bool)) for i in split_indices()
    )

    written = native[split_indices()[0]]

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        digits = jitter(written, rng) if jittered else written
        return Split(shift(enlarge(digits), rng), train.labels, train.areas)

    return Dataset(name, train, validation, test, refresh)


def _clutter_digits(name: str) -> Dataset:
    native, labels = _native()
    splits = []
    for number, indices in enumerate(split_indices()):
        images, areas = clutter(native[indices], np.random.default_rng([_SPLIT_SEED, number]))
        splits.append(Split(images, labels[indices], areas))
    digits = native[split_indices()[0]]

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        images, areas = clutter(jitter(digits, rng) if jittered else digits, rng)
        return Split(images, splits[0].labels, areas)

    return Dataset(name, splits[0], splits[1], splits[2], refresh)


_LOADERS: dict[str, Callable[[str], Dataset]] = {"digits": _digits, "clutter-digits": _clutter_digits}


@cache
def load(name: str) -> Dataset:
    """The data set ``name``; fragments and digits never cross from one split into another."""
    if name not in _LOADERS:
        raise ValueError(f"data must be one of {', '.join(sorted(_LOADERS))}, not {name!r}")
    return _LOADERS[name](name)


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


def encode(images: Images, table: NDArray[np.int16]) -> NDArray[np.int16]:
    """Images ``[n, H, W, C]`` through the table: integer codes ``[n, C, H, W]``, the layout the networks read."""
    planes: list[NDArray[np.int16]] = [table[c][images[..., c]] for c in range(images.shape[-1])]
    codes: NDArray[np.int16] = np.stack(planes, axis=1)
    return codes
