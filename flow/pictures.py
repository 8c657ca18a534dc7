"""Images and spikes as strings of digits: small enough for a page."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
#: Most rows and columns of a picture; of a raster, whose columns are those of all steps.
SIDE, RASTER_ROWS, RASTER_COLUMNS = 32, 32, 128


def picture(image: Array) -> list[str]:
    """Rows of three hexadecimal digits a pixel, of ``[H, W, C]`` or, summed over the steps, ``[T, H, W, C]``.

    Three channels are red, green, blue; two are an event camera's, drawn red and blue; of others the mean is grey.
    """
    values = image.astype(np.float64)
    values = values.sum(axis=0) if values.ndim == 4 else values
    values = shrunk(shrunk(values, 0, SIDE), 1, SIDE)
    channels = values.shape[-1]
    if image.ndim == 4 or channels == 2:  # counts have no greatest value of their own
        values = values / max(1.0, float(values.max())) * 255
    if channels == 2:
        colours = np.stack([values[..., 0], np.zeros(values.shape[:2]), values[..., 1]], axis=-1)
    elif channels == 3:
        colours = values
    else:
        colours = np.repeat(values.mean(axis=-1, keepdims=True), 3, axis=-1)
    digits = np.rint(colours / 17).clip(0, 15).astype(int)
    return ["".join(f"{r:x}{g:x}{b:x}" for r, g, b in row) for row in digits.tolist()]


def raster(spikes: Array) -> tuple[int, list[str]]:
    """Columns for each step, and rows of digits 0 to 9, of spikes ``[T, N, C]``.

    A digit is the share of 1s among the spikes that share a place, rounded up, so that one spike is seen.
    """
    steps = spikes.shape[0]
    places = shrunk(spikes.astype(np.float64), 1, max(1, RASTER_COLUMNS // steps))
    places = shrunk(places, 2, RASTER_ROWS)
    digits = np.ceil(places * 9).astype(int)
    rows = digits.transpose(2, 0, 1).reshape(places.shape[2], -1)
    return places.shape[1], ["".join(map(str, row)) for row in rows.tolist()]


def shrunk(values: Array, axis: int, most: int) -> Array:
    """Means over neighbours along an axis, so that at most ``most`` are left, each of about as many."""
    count = values.shape[axis]
    if count <= most:
        return values
    starts = np.arange(most) * count // most
    sums = np.add.reduceat(values, starts, axis=axis)
    sizes = np.diff([*starts.tolist(), count])
    return np.asarray(sums / sizes.reshape([-1 if at == axis else 1 for at in range(values.ndim)]))
