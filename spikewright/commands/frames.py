"""An event camera's frames, drawn for a terminal: what an image is, step by step."""

from __future__ import annotations

import numpy as np

#: From no event to as many as in the busiest place.
_SHADES = " ░▒▓█"
#: Most columns of a drawn frame, and most of a line.
_WIDTH, _LINE = 16, 76


def sum_by_step(frames: np.ndarray) -> str:
    """Sum of each step's frame, of ``[T, H, W, C]``: of an event camera's, how many events."""
    return " ".join(map(str, frames.reshape(len(frames), -1).sum(axis=1, dtype=np.int64).tolist()))


def drawn_frames(frames: np.ndarray) -> list[str]:
    """Lines that show the frames ``[T, H, W, C]`` side by side; a shade tells how many events a place has."""
    side = max(1, -(-frames.shape[2] // _WIDTH))
    # a character is twice as high as it is wide
    places = _summed(_summed(frames.sum(axis=-1, dtype=np.int64), 1, 2 * side), 2, side)
    shades = -(-places * (len(_SHADES) - 1) // max(1, int(places.max())))
    lines = []
    steps = [
        [f"step {step}", *("".join(_SHADES[s] for s in row) for row in frame)] for step, frame in enumerate(shades)
    ]
    width = max(places.shape[2], len(f"step {len(steps) - 1}"))
    across = max(1, _LINE // (width + 2))
    for first in range(0, len(steps), across):
        line = steps[first : first + across]
        lines += ["  ".join(part.ljust(width) for part in parts).rstrip() for parts in zip(*line, strict=True)]
        lines.append("")
    return lines


def _summed(values: np.ndarray, axis: int, by: int) -> np.ndarray:
    return np.add.reduceat(values, np.arange(0, values.shape[axis], by), axis=axis)
