"""Tiny-ImageNet-200 in its published folder layout.

::

    tiny-imagenet-200/wnids.txt                       one class a line; its line number is the label
                      train/<wnid>/images/*.JPEG
                      val/images/*.JPEG
                      val/val_annotations.txt         file, wnid and a box, separated by tabs

``test/`` has no labels and is not read; the field reports on ``val``.
"""

import os
from pathlib import Path

import numpy as np

from spikewright.echo import quoted
from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.files import files_of, read_lines, within
from spikewright.models.formats.image_folder import read_images
from spikewright.models.formats.labelled import Labelled

SIDE = 64


def read_tiny_imagenet(folder: Path | str) -> tuple[Labelled, Labelled]:
    """Train and validation, images uint8 ``[n, 64, 64, 3]``; the grey JPEGs among them become colour.

    folder: ``tiny-imagenet-200`` of the archive, or the folder that holds it.
    """
    root = within(folder, "tiny-imagenet-200")
    classes = _classes(root / "wnids.txt")
    return _train(root, classes), _validation(root, classes)


def _classes(path: Path) -> tuple[str, ...]:
    classes: dict[str, int] = {}
    for offset, wnid in read_lines(path):
        if wnid in classes:
            raise FormatError.at(path, f"{wnid} stands here a second time; allowed is each class once", offset)
        if os.path.basename(wnid) != wnid:
            raise FormatError.at(path, f"{quoted(wnid)} is no name of a class", offset)
        classes[wnid] = len(classes)
    if not classes:
        raise FormatError.at(path, "names no class; allowed is one a line", 0)
    return tuple(classes)


def _train(root: Path, classes: tuple[str, ...]) -> Labelled:
    paths: list[Path] = []
    labels: list[int] = []
    for label, wnid in enumerate(classes):
        files = files_of(root / "train" / wnid / "images", (".jpeg",))
        paths += files
        labels += [label] * len(files)
    return _labelled(root, paths, labels, classes)


def _validation(root: Path, classes: tuple[str, ...]) -> Labelled:
    listed = root / "val" / "val_annotations.txt"
    numbers = {wnid: label for label, wnid in enumerate(classes)}
    paths: list[Path] = []
    labels: list[int] = []
    for offset, line in read_lines(listed):
        name, *fields = line.split("\t")
        if not fields or os.path.basename(name) != name:
            raise FormatError.at(
                listed, f"is {quoted(line)}; allowed are file, class and box, separated by tabs", offset
            )
        if fields[0] not in numbers:
            raise FormatError.at(listed, f"class {quoted(fields[0])}; allowed are those of wnids.txt", offset)
        paths.append(root / "val" / "images" / name)
        labels.append(numbers[fields[0]])
    if not paths:
        raise FormatError.at(listed, "names no image; allowed is one a line", 0)
    return _labelled(root, paths, labels, classes)


def _labelled(root: Path, paths: list[Path], labels: list[int], classes: tuple[str, ...]) -> Labelled:
    images = read_images(root, paths, channels=3, size=(SIDE, SIDE))
    return Labelled(images, np.array(labels, np.int64), classes)
