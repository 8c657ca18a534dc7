"""Data sets from a user's files: read, cut into splits where there are none, augmented as is usual."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikewright.echo import quoted
from spikewright.models.data.augment import mirrored, moved
from spikewright.models.data.cut import cut
from spikewright.models.data.published import PUBLISHED, Pictures
from spikewright.models.data.source import Arrays, PublishedSet, UserFiles
from spikewright.models.data.types import DataError, Dataset, Indices, Split
from spikewright.models.formats.dvs_sets import load_frames
from spikewright.models.formats.image_folder import read_image_folder, read_npz
from spikewright.models.formats.labelled import Labelled

#: Of the order of the training images.
_ORDER_SEED = 20235


def from_files(source: UserFiles) -> Dataset:
    """The data set. FormatError where a file is not what its format allows, DataError where files do not go together.

    The published test split is the test split, of Tiny-ImageNet its ``val``, as the field reports; a user's own images
    without one lose a tenth for it. The validation split is a tenth of what is left.
    """
    if isinstance(source, PublishedSet):
        return _published(source)
    if isinstance(source, Arrays):
        name, read = f"npz {Path(source.npz).name}", read_npz
        whole, counts = read(source.npz), source.counts
    else:
        name, read = f"folder {Path(source.folder).name}", partial(read_image_folder, channels=source.channels)
        whole, counts = read(source.folder), False
    if source.test is not None:
        train, test = whole, read(source.test)
    else:
        rest, part = _cut(name, whole.labels, "test")
        train, test = _some(whole, rest), _some(whole, part)
    return _dataset(name, train, test, counts=counts, flip=bool(source.flip), shift=source.shift or 0)


def _published(source: PublishedSet) -> Dataset:
    published = PUBLISHED[source.set]
    if isinstance(published, Pictures):
        train, test = published.read(source.folder)
    else:
        assert source.frames is not None, "checked by the source"
        listed = published.read(source.folder)
        train, test = load_frames(listed, source.frames, by=source.by, shrink=source.shrink, sort=source.sort)
    flip = published.flip if source.flip is None else source.flip
    shift = published.shift if source.shift is None else source.shift
    return _dataset(source.set, train, test, counts=not isinstance(published, Pictures), flip=flip, shift=shift)


def _some(whole: Labelled, chosen: Indices) -> Labelled:
    return Labelled(whole.images[chosen], whole.labels[chosen], whole.classes)


def _dataset(name: str, train: Labelled, test: Labelled, *, counts: bool, flip: bool, shift: int) -> Dataset:
    train_shape, test_shape = (list(part.images.shape[1:]) for part in (train, test))
    if test_shape != train_shape:
        raise DataError(f"{name}: the test images are {test_shape}; allowed is {train_shape}, as those of training")
    if odd := set(train.classes) ^ set(test.classes):
        raise DataError(f"{name}: class {quoted(min(odd))} is not in both the training and the test images")
    height, width, channels = train_shape[-3:]
    if shift >= min(height, width):
        raise DataError(f"{name}: shift must be below the images' {height}×{width} pixels, not {shift}")
    rest, part = _cut(name, train.labels, "validation")
    # Files often lie class by class; whoever takes the first images, or batches in their order, needs them mixed.
    learned = _split(_some(train, np.random.default_rng(_ORDER_SEED).permutation(rest)))
    background = np.zeros(channels, np.uint8)
    if shift and not counts:  # the mean becomes the code 0, as the zero padding of the first convolution
        background[:] = np.rint(learned.images.mean(axis=tuple(range(learned.images.ndim - 1))))

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        images = mirrored(learned.images, rng) if flip else learned.images
        return Split(moved(images, rng, shift, background) if shift else images, learned.labels)

    return Dataset(name, learned, _split(_some(train, part)), _split(test), refresh, len(train.classes), counts=counts)


def _cut(name: str, labels: NDArray[np.int64], split_name: str) -> tuple[Indices, Indices]:
    try:
        return cut(labels, split_name)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def _split(part: Labelled) -> Split:
    return Split(part.images, part.labels)
