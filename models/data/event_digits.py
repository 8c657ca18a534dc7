"""``event-digits``: the digits as an event camera sees them, by the format of N-MNIST, in T frames.

Each digit stands in the middle of a 64×64 sensor, five pixels for one of its own, and the camera makes three saccades
(``spikewright.models.data.event_camera``). The events pass through N-MNIST's 40-bit records, so that what is trained
on is what a file of that format holds.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from spikewright.models.data.augment import moved
from spikewright.models.data.digits import CLASSES, native_digits, split_indices
from spikewright.models.data.event_camera import record
from spikewright.models.data.types import Dataset, Images, Split
from spikewright.models.formats.events import Events, to_frames
from spikewright.models.formats.nbin import read_nbin, write_nbin
from spikewright.scratch import scratch

SENSOR, SCALE, STEPS = 64, 5, 8
#: Frames of the training split move by up to so many pixels, each epoch anew.
REACH = 4
BATCH = 25


def digit_events(start: int) -> list[Events]:
    """The events of the batch of digits that begins with number ``start`` in load_digits' order."""
    native = native_digits()[0][start : start + BATCH]
    margin = (SENSOR - 8 * SCALE) // 2
    pictures = np.pad(native.repeat(SCALE, axis=1).repeat(SCALE, axis=2), ((0, 0), (margin, margin), (margin, margin)))
    return record(pictures)


@cache
def _frames() -> Images:
    """Frames of every digit, uint8 ``[1797, T, 64, 64, 2]``, read back from the format."""
    count = len(native_digits()[1])
    frames = np.empty((count, STEPS, SENSOR, SENSOR, 2), np.uint8)
    with scratch(Path(tempfile.gettempdir())) as folder:
        file = folder / "events.bin"
        for start in range(0, count, BATCH):
            for number, events in enumerate(digit_events(start), start):
                write_nbin(events, file)
                frames[number] = to_frames(read_nbin(file, width=SENSOR, height=SENSOR), STEPS)
    return frames


def event_digits(name: str, fold: int | None = None) -> Dataset:
    """The set; jittered or not, its training frames are moved, not bent."""
    frames, labels = _frames(), native_digits()[1]
    train, validation, test = (Split(frames[i], labels[i]) for i in split_indices(fold))

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        return Split(moved(train.images, rng, REACH), train.labels)

    return Dataset(name, train, validation, test, refresh, CLASSES, counts=True)
