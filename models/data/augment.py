"""The usual augmentation of training images: mirrored and moved."""

from __future__ import annotations

import numpy as np

from spikewright.models.data.types import Images


def mirrored(images: Images, rng: np.random.Generator) -> Images:
    """Every image, or recording, ``[n, …, W, C]`` with probability ½ left for right; all its frames alike."""
    out = images.copy()
    chosen = rng.random(len(images)) < 0.5
    out[chosen] = images[chosen][..., ::-1, :]
    return out


def moved(images: Images, rng: np.random.Generator, reach: int, background: Images | int = 0) -> Images:
    """Every image, or recording, ``[n, …, H, W, C]`` moved by up to ``reach`` pixels each way, all its frames alike.

    background: what moves in, ``[C]`` or for all channels.
    """
    height, width = images.shape[-3:-1]
    out = np.empty_like(images)
    out[...] = background
    for i, (dy, dx) in enumerate(reach - rng.integers(0, 2 * reach + 1, size=(len(images), 2))):
        to_y, to_x = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
        from_y, from_x = slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0))
        out[i, ..., to_y, to_x, :] = images[i, ..., from_y, from_x, :]
    return out
