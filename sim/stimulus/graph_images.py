"""Random images of any size, by integers alone: the same on every machine."""

from __future__ import annotations

import numpy as np

from spikewright.models.package import ImageFormat

Array = np.ndarray
Rng = np.random.Generator


def graph_images(rng: Rng, count: int, form: ImageFormat, steps: int) -> Array:
    """uint8 [count, height, width, channels], with frames [count, steps, height, ...]: bright spots, noise, flat."""
    shape = (form.height, form.width, form.channels)
    frames = steps if form.frames else 1
    images = np.stack([_one(rng, number, shape) for number in range(count) for _ in range(frames)])
    return images.reshape(count, frames, *shape) if form.frames else images


def _one(rng: Rng, number: int, shape: tuple[int, int, int]) -> Array:
    """The first image of a graph has spots; of the others some are noise, all 0 or all 255."""
    kind = int(rng.integers(10)) if number else 0
    if kind == 9:
        return np.full(shape, 255 * int(rng.integers(2)), np.uint8)
    if kind >= 6:
        return rng.integers(0, 256, size=shape).astype(np.uint8)
    level = rng.integers(0, 90) + rng.integers(-30, 31, size=shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(int(rng.integers(1, 5))):
        row, column = rng.integers(shape[0]), rng.integers(shape[1])
        radius = int(rng.integers(1, 2 + max(shape) // 2))
        height = np.maximum(0, radius * radius + 1 - (y - row) ** 2 - (x - column) ** 2)
        level += height[..., None] * rng.integers(-80, 256, size=shape[2]) // (radius * radius + 1)
    return np.asarray(np.clip(level, 0, 255), np.uint8)


def graph_table(rng: Rng, form: ImageFormat) -> Array:
    """int16 [channels, 256]: codes that rise with the byte, codes at random, or the two extremes."""
    low, high = form.code_range
    bytes_ = np.arange(256)
    rows = []
    for _ in range(form.channels):
        kind = int(rng.integers(8))
        if kind == 0:
            row = rng.integers(low, high + 1, size=256)
        elif kind == 1:
            row = np.where(bytes_ < rng.integers(40, 160), low, high)
        else:
            zero = int(rng.integers(1, 160)) if form.signed else 0
            row = np.clip((bytes_ - zero) * (high - low + 1) // 224, low, high)
        rows.append(row)
    return np.array(rows, np.int16)
