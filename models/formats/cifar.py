"""CIFAR-10 and CIFAR-100, the binary version of https://www.cs.toronto.edu/~kriz/cifar.html.

A record is one label byte (CIFAR-100: coarse, then fine label) and 3072 bytes: the red, green and blue plane, each 32
rows of 32 bytes. The Python version of the same data is a pickle, and a pickle is a program: it is refused.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.files import read_bytes, within
from spikewright.models.formats.labelled import Labelled

SIDE = 32
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR10 = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_CIFAR100 = ("train.bin", "test.bin")
_COARSE, _FINE = 20, 100


def read_cifar10(folder: Path | str) -> tuple[Labelled, Labelled]:
    """Train (data_batch_1.bin … data_batch_5.bin) and test (test_batch.bin), images uint8 ``[n, 32, 32, 3]``.

    folder: ``cifar-10-batches-bin`` of the archive, or the folder that holds it. FormatError where files are missing or
    are not what the format allows.
    """
    root = within(folder, "cifar-10-batches-bin")
    _check_files(root, _CIFAR10, ("data_batch_1", "cifar-10-batches-py/data_batch_1"), "cifar-10-binary.tar.gz")
    *train, test = (_read(root / name, (len(CIFAR10_CLASSES),), 0) for name in _CIFAR10)
    return _labelled(train, CIFAR10_CLASSES), _labelled([test], CIFAR10_CLASSES)


def read_cifar100(folder: Path | str, *, coarse: bool = False) -> tuple[Labelled, Labelled]:
    """Train (train.bin) and test (test.bin), images uint8 ``[n, 32, 32, 3]``; the classes are named by number.

    folder: ``cifar-100-binary`` of the archive, or the folder that holds it; coarse: the 20 coarse labels, not the 100
    fine ones. FormatError where files are missing or are not what the format allows.
    """
    root = within(folder, "cifar-100-binary")
    _check_files(root, _CIFAR100, ("train", "cifar-100-python/train"), "cifar-100-binary.tar.gz")
    train, test = (_read(root / name, (_COARSE, _FINE), 0 if coarse else 1) for name in _CIFAR100)
    classes = tuple(map(str, range(_COARSE if coarse else _FINE)))
    return _labelled([train], classes), _labelled([test], classes)


def _check_files(root: Path, names: tuple[str, ...], pickled: tuple[str, ...], archive: str) -> None:
    missing = [name for name in names if not os.path.isfile(root / name)]
    if not missing:
        return
    for path in (root / name for name in pickled):
        if os.path.isfile(path):
            fault = "is the Python version, a pickle, which is never opened"
            raise FormatError.at(path, f"{fault}; allowed is the binary version, {archive}")
    raise FormatError.at(root, f"does not hold {', '.join(missing)}; allowed is the binary version, {archive}")


def _read(path: Path, limits: tuple[int, ...], use: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels of a file whose records start with label bytes.

    limits: the labels of each label byte lie below its own; use: the label byte that counts.
    """
    data = read_bytes(path)
    size = len(limits) + 3 * SIDE * SIDE
    whole, rest = divmod(len(data), size)
    if rest or not whole:
        raise FormatError.at(path, f"the record ends after {rest} bytes; allowed are records of {size}", whole * size)
    records = np.frombuffer(data, np.uint8).reshape(whole, size)
    for column, limit in enumerate(limits):
        wrong = np.flatnonzero(records[:, column] >= limit)
        if wrong.size:
            label, offset = records[wrong[0], column], int(wrong[0]) * size + column
            raise FormatError.at(path, f"the label is {label}; allowed are 0 to {limit - 1}", offset)
    planes = records[:, len(limits) :].reshape(whole, 3, SIDE, SIDE)
    return planes.transpose(0, 2, 3, 1), records[:, use].astype(np.int64)


def _labelled(parts: list[tuple[NDArray[np.uint8], NDArray[np.int64]]], classes: tuple[str, ...]) -> Labelled:
    images, labels = zip(*parts, strict=True)
    return Labelled(np.ascontiguousarray(np.concatenate(images)), np.concatenate(labels), classes)
