"""Exact integer arithmetic on NumPy arrays that several ops share."""

import numpy as np

Array = np.ndarray


def matmul(left: Array, right: Array) -> Array:
    """Integer matrix product through float64; exact, because no partial sum reaches 2**53 (checked)."""
    if left.size and right.size:
        bound = int(np.abs(left).max()) * int(np.abs(right).max()) * left.shape[-1]
        if bound >= 1 << 53:
            return np.asarray(left @ right)  # int64: slow, and still exact
    return np.asarray(np.matmul(left.astype(np.float64), right.astype(np.float64))).astype(np.int64)


def windows(x: Array, grid: tuple[int, int]) -> Array:
    """[B, T, H*W, C] to zero-padded 3x3 windows [B, T, H*W, 9*C], tap-major."""
    batch, steps, _, channels = x.shape
    height, width = grid
    padded = np.pad(x.reshape(batch, steps, height, width, channels), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, :, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
    return np.concatenate(taps, axis=-1).reshape(batch, steps, height * width, 9 * channels)
