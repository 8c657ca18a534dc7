"""Event data sets in their published folder layouts: which recordings there are, and their frames.

A set is listed first (``dvs128_gesture``, ``cifar10_dvs``, ``n_caltech101``, ``n_mnist``); ``load_frames`` then reads
it. A set too large for memory is cut before that: ``replace(listed, train=listed.train[:1000])``, or ``shrink``.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from spikewright.echo import quoted
from spikewright.models.formats.aedat import SIDE, read_aedat2, read_aedat31, read_labels
from spikewright.models.formats.cifar import CIFAR10_CLASSES
from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.events import Events, frames_shape, to_frames
from spikewright.models.formats.files import class_folders, files_of, read_lines, within
from spikewright.models.formats.labelled import Labelled
from spikewright.models.formats.nbin import read_nbin

GESTURE_CLASSES = (
    *("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter-clockwise"),
    *("left arm clockwise", "left arm counter-clockwise", "arm roll", "air drums", "air guitar", "other gestures"),
)
#: Where a set has no published split, the last recording in so many of each class, in natural order, is for tests.
TEST_SHARE = 10


@dataclass(frozen=True)
class Sample:
    """A recording with its label.

    start, end: in µs; only the events of start ≤ t < end, where given.
    """

    path: Path
    label: int
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class EventSet:
    """The samples of a data set, and the reader of its files.

    height, width: of all recordings, in pixels; read: the events of a file.
    """

    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    height: int
    width: int
    read: Callable[[Path], Events] = field(repr=False)


def dvs128_gesture(folder: Path | str) -> EventSet:
    """``DvsGesture``: user*.aedat, each cut by its user*_labels.csv; the published split, trials_to_train/test.txt."""
    root = within(folder, "DvsGesture")
    train, test = (_trials(root / f"trials_to_{name}.txt") for name in ("train", "test"))
    return EventSet(GESTURE_CLASSES, train, test, SIDE, SIDE, read_aedat31)


def _trials(listed: Path) -> tuple[Sample, ...]:
    samples: list[Sample] = []
    for offset, name in read_lines(listed):
        path = listed.parent / name
        if os.path.basename(name) != name or path.suffix != ".aedat" or not os.path.isfile(path):
            raise FormatError.at(listed, f"is {quoted(name)}; allowed are the .aedat files next to this one", offset)
        gestures = read_labels(path.with_name(f"{path.stem}_labels.csv"))
        samples += (Sample(path, gesture.label, gesture.start, gesture.end) for gesture in gestures)
    if not samples:
        raise FormatError.at(listed, "names no recording; allowed is one a line", 0)
    return tuple(samples)


def cifar10_dvs(folder: Path | str) -> EventSet:
    """Ten class folders of cifar10_<class>_<number>.aedat.

    The test split is the last tenth of each class by number (900…999). The later conversion of the set to AEDAT 4
    (``*.aedat4``) is not read.
    """
    root = Path(folder)
    missing = [name for name in CIFAR10_CLASSES if not os.path.isdir(root / name)]
    if missing:
        raise FormatError.at(
            root, f"lacks the folders {', '.join(missing)}; allowed are the ten classes of CIFAR10-DVS"
        )
    train, test = _split([files_of(root / name, (".aedat",)) for name in CIFAR10_CLASSES])
    return EventSet(CIFAR10_CLASSES, train, test, SIDE, SIDE, read_aedat2)


def n_caltech101(folder: Path | str) -> EventSet:
    """``Caltech101/<class>/image_<number>.bin``, classes by name.

    The test split is the last tenth of each class by number. The recordings are of different sizes; each lies in the
    upper left corner of 180×240 pixels.
    """
    folders = class_folders(within(folder, "Caltech101"))
    train, test = _split([files_of(directory, (".bin",)) for directory in folders])
    classes = tuple(directory.name for directory in folders)
    return EventSet(classes, train, test, 180, 240, partial(read_nbin, width=240, height=180))


def n_mnist(folder: Path | str) -> EventSet:
    """``Train/<digit>/*.bin`` and ``Test/<digit>/*.bin``, the published split; 34×34 pixels."""
    root = Path(folder)
    if not root.is_dir():
        raise FormatError.at(root, "is not a folder; allowed is the one that holds Train and Test")
    classes = tuple(map(str, range(10)))
    train, test = (
        tuple(Sample(path, int(name)) for name in classes for path in files_of(root / part / name, (".bin",)))
        for part in ("Train", "Test")
    )
    return EventSet(classes, train, test, 34, 34, partial(read_nbin, width=34, height=34))


def _split(classes: Sequence[Sequence[Path]]) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Train and test: of each class the last in TEST_SHARE files, rounded down, but one at least."""
    train: list[Sample] = []
    test: list[Sample] = []
    for label, paths in enumerate(classes):
        if len(paths) < 2:
            raise FormatError.at(paths[0].parent, "holds one recording; allowed are two or more, to train and to test")
        border = len(paths) - max(1, len(paths) // TEST_SHARE)
        train += (Sample(path, label) for path in paths[:border])
        test += (Sample(path, label) for path in paths[border:])
    return tuple(train), tuple(test)


def load_frames(
    listed: EventSet, steps: int, *, by: Literal["time", "count"] = "time", shrink: int = 1, sort: bool = False
) -> tuple[Labelled, Labelled]:
    """Train and test as counts of events, uint8 ``[n, steps, H, W, 2]``; the arguments are those of ``to_frames``.

    sort: put the events of a recording in order where its times fall; else FormatError.
    """
    train, test = (_frames(listed, part, steps, by, shrink, sort) for part in (listed.train, listed.test))
    return train, test


def _frames(
    listed: EventSet, samples: Sequence[Sample], steps: int, by: Literal["time", "count"], shrink: int, sort: bool
) -> Labelled:
    shape = frames_shape(listed.width, listed.height, steps, by=by, shrink=shrink)
    frames = np.empty((len(samples), *shape), np.uint8)
    path, recording = None, None
    for number, sample in enumerate(samples):
        if recording is None or path != sample.path:  # the slices of one recording follow each other
            path, recording = sample.path, _in_order(sample.path, listed.read(sample.path), sort)
        events = recording
        if sample.start is not None and sample.end is not None:
            events = recording.between(sample.start, sample.end)
            if not len(events):
                fault = f"has no event from {sample.start} to {sample.end} µs, where its labels have a gesture"
                raise FormatError.at(sample.path, fault)
        frames[number] = to_frames(events, steps, by=by, shrink=shrink)
    return Labelled(frames, np.array([sample.label for sample in samples], np.int64), listed.classes)


def _in_order(path: Path, recording: Events, sort: bool) -> Events:
    if sort:
        return recording.in_order()
    if (fall := recording.fall) is not None:
        fault = f"{fall}; allowed are times that do not fall, or 'sort: true', which puts events in order"
        raise FormatError.at(path, fault)
    return recording
