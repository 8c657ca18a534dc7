"""A model of an event camera that looks at a still picture while it makes three saccades, as N-MNIST was recorded.

A pixel holds the log intensity at which it last fired; whenever the log intensity has moved from it by the contrast
threshold, the pixel fires an event (ON: brighter, OFF: darker) and its level moves by one threshold. Thresholds differ
a little from pixel to pixel and from ON to OFF, as on real sensors (Lichtsteiner et al., 2008; Hu et al., v2e, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spikewright.models.formats.events import Events

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """The sensor and its movement.

    threshold: contrast, in natural-log intensity; mismatch: its relative spread over pixels and polarities, which is
    the sensor's own, the same in all recordings; sensor: the seed that it is drawn from; floor: intensity of a black
    pixel, white is 1; saccade_us, reach: length of one of the three movements, in µs, and how far it goes, in pixels;
    step_us: time between two looks at the intensity, between which an event's time is interpolated.
    """

    threshold: float = 0.25
    mismatch: float = 0.03
    sensor: int = 20233
    floor: float = 0.1
    saccade_us: int = 100_000
    reach: float = 4.0
    step_us: int = 4_000

    def thresholds(self, height: int, width: int) -> Float:
        """Of every pixel, ``[2, H, W]``: for OFF, for ON."""
        spread = np.random.default_rng(self.sensor).standard_normal((2, height, width)).astype(np.float32)
        thresholds: Float = (self.threshold * np.clip(1 + self.mismatch * spread, 0.5, 1.5)).astype(np.float32)
        return thresholds

    def path(self) -> NDArray[np.float64]:
        """Where the picture stands, (rows, columns) from its place, at each look: a triangle, closed."""
        corners = self.reach * np.array([[0.0, 0.0], [1.0, -0.5], [0.0, -1.0], [0.0, 0.0]])
        looks = 3 * self.saccade_us // self.step_us
        at = np.linspace(0.0, 3.0, looks + 1)
        return np.stack([np.interp(at, range(4), corners[:, axis]) for axis in (0, 1)], axis=1)


def moved(pictures: Float, rows: float, columns: float) -> Float:
    """Pictures ``[n, H, W]`` moved by a part of a pixel or more, bilinear; black moves in."""
    height, width = pictures.shape[1:]
    top, left = int(np.floor(rows)), int(np.floor(columns))
    fy, fx = rows - top, columns - left
    margin = max(abs(top), abs(left)) + 1
    padded = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin)))
    y, x = margin - top - 1, margin - left - 1
    rows_of = padded[:, y : y + height + 1]
    across = (1 - fx) * rows_of[:, :, x + 1 : x + 1 + width] + fx * rows_of[:, :, x : x + width]
    return ((1 - fy) * across[:, 1:] + fy * across[:, :-1]).astype(np.float32)


def _reached(brightest: NDArray[np.uint8], way: NDArray[np.float64]) -> slice:
    """The rows, or columns, that light comes to when what is lit moves along the way; elsewhere nothing changes.

    brightest: of each row, or column, before it moves.
    """
    where = np.flatnonzero(brightest)
    if len(where) == 0:
        return slice(0, 0)
    first, last = where[0] + int(np.floor(way.min())), where[-1] + int(np.ceil(way.max()))
    return slice(max(0, first), min(len(brightest), last + 1))


def record(pictures: NDArray[np.uint8], camera: Camera | None = None) -> list[Events]:
    """The events of each picture, uint8 ``[n, H, W]``, in the order of their time; t in µs from the first look."""
    camera = camera or Camera()
    path = camera.path()
    rows, columns = (_reached(pictures.max(axis=(0, 2 - axis), initial=0), path[:, axis]) for axis in (0, 1))
    light = (pictures[:, rows, columns] / 255 * (1 - camera.floor)).astype(np.float32)
    n, height, width = light.shape
    sensor = camera.thresholds(*pictures.shape[1:])[:, None, rows, columns]
    thresholds = np.broadcast_to(sensor, (2, n, height, width)).reshape(2, -1)
    least = 0.99 * thresholds.min(initial=np.inf)
    before = np.log(camera.floor + moved(light, *path[0])).ravel()
    level = before.copy()
    crossings: list[tuple[NDArray[np.int64], ...]] = [(np.empty(0, np.int64),) * 3]
    for look in range(1, len(path)):
        now = np.log(camera.floor + moved(light, *path[look])).ravel()
        near = np.flatnonzero(np.abs(now - level) > least)  # few pixels: the others fire nothing
        change = now[near] - level[near]
        on = (change > 0).astype(np.int64)
        threshold = thresholds[on, near]
        times = np.floor(np.abs(change) / threshold + 1e-6).astype(np.int64)
        step = np.where(on, threshold, -threshold)
        of = np.repeat(np.arange(len(near)), times)  # of each event: its pixel, and its number there, from 1
        pixel = near[of]
        k = np.arange(1, len(of) + 1) - np.repeat(np.cumsum(times) - times, times)
        crossed = level[pixel] + k.astype(np.float32) * step[of]
        slope = now[pixel] - before[pixel]
        part = np.clip((crossed - before[pixel]) / np.where(slope == 0, 1, slope), 0, 1)
        t = (look - 1) * camera.step_us + np.floor(part * (camera.step_us - 1)).astype(np.int64)
        crossings.append((pixel, t, on[of]))
        level[near] += times.astype(np.float32) * step
        before = now
    pixel, when, on = (np.concatenate(parts) for parts in zip(*crossings, strict=True))
    owner, place = np.divmod(pixel, max(1, height * width))
    order = np.argsort((owner * len(path) * camera.step_us + when) * height * width + place, kind="stable")
    when, place, is_on = when[order], place[order], on[order].astype(np.bool_)
    edges = np.searchsorted(owner[order], np.arange(n + 1))
    y, x = np.divmod(place, max(1, width))
    x_of, y_of = (x + columns.start).astype(np.uint16), (y + rows.start).astype(np.uint16)
    size = pictures.shape[2], pictures.shape[1]
    return [Events(when[a:b].copy(), x_of[a:b], y_of[a:b], is_on[a:b], *size) for a, b in pairwise(edges)]
