"""Images for calibration, and for accuracy: arrays, a folder, or a data set."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import TypeAdapter, ValidationError

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.models.data import Dataset, Source, load
from spikewright.models.formats.files import listing
from spikewright.models.formats.image_folder import read_image_folder, read_images

#: Names under which files hold images and labels.
IMAGES, LABELS = ("images", "inputs", "x", "data"), ("labels", "targets", "y")
_ALLOWED = "a .npz or .npy of uint8 images, a folder of images, the name of a data set, or {set: …, folder: …}"


@dataclass(frozen=True, eq=False)
class Given:
    """Images that a user has given.

    images: uint8 ``[n, H, W, C]`` or frames ``[n, T, H, W, C]``; labels: int64 ``[n]``, or None; counts: of events.
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str
    counts: bool = False

    @property
    def frames(self) -> bool:
        """Whether each step has an image of its own."""
        return self.images.ndim == 5

    def some(self, count: int) -> Given:
        """``count`` of them, spread evenly: files often lie class by class."""
        if count >= len(self.images):
            return self
        at = np.linspace(0, len(self.images) - 1, count).round().astype(int)
        return Given(self.images[at], None if self.labels is None else self.labels[at], self.name, self.counts)


def given_images(words: str, *, channels: int, part: str) -> Given:
    """The images that a user names; CheckpointError where there are none.

    words: a path, the name of a data set, or a recipe's ``data`` in braces; channels: of the network, for a folder;
    part: ``train`` or ``test`` of a data set.
    """
    if words.lstrip().startswith("{"):
        return _of_set(_source(words), part)
    path = Path(words)
    if path.suffix in (".npz", ".npy"):
        return _arrays(path)
    if path.is_dir():
        return _folder(path, channels)
    if path.exists() or "/" in words:
        raise CheckpointError(f"{words}: holds no images; allowed is {_ALLOWED}")
    return _of_set(words, part)


def _source(words: str) -> object:
    try:
        return TypeAdapter(Source).validate_python(yaml.safe_load(words), context={"folder": "."})
    except (yaml.YAMLError, ValidationError) as error:
        text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "no YAML"
        raise CheckpointError(f"{words}: {text.removeprefix('Value error, ')}") from None


def _of_set(source: object, part: str) -> Given:
    data: Dataset = load(source)
    split = data.train if part == "train" else data.test
    return Given(split.images, split.labels, f"{part} images of {data.name}", data.counts)


def _arrays(path: Path) -> Given:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = dict(loaded.items()) if isinstance(loaded, np.lib.npyio.NpzFile) else {"images": loaded}
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a whole file of plain arrays"
        raise CheckpointError(f"{path}: {reason}") from None
    images = next((arrays[name] for name in IMAGES if name in arrays), None)
    if images is None:
        raise CheckpointError(f"{path}: holds {', '.join(arrays) or 'nothing'}; allowed is an array {IMAGES[0]}")
    if images.dtype != np.uint8 or images.ndim not in (3, 4, 5) or not images.size:
        raise CheckpointError(
            f"{path}: images are {images.dtype} {list(images.shape)}; allowed is uint8 [n, H, W], [n, H, W, C] or "
            "frames [n, T, H, W, C], before any normalisation"
        )
    labels = next((arrays[name] for name in LABELS if name in arrays), None)
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise CheckpointError(
            f"{path}: labels are {labels.dtype} {list(labels.shape)}; allowed are whole numbers [{len(images)}]"
        )
    whole = images[..., None] if images.ndim == 3 else images
    return Given(whole, None if labels is None else labels.astype(np.int64), str(path))


def _folder(path: Path, channels: int) -> Given:
    if channels not in (1, 3):
        raise CheckpointError(f"{path}: images have 1 or 3 channels, the network reads {channels}; give a .npz")
    kind: Literal[1, 3] = 1 if channels == 1 else 3
    if any(child.is_dir() for child in path.iterdir()):
        labelled = read_image_folder(path, channels=kind)
        return Given(labelled.images, labelled.labels, str(path))
    return Given(read_images(path, listing(path), channels=kind), None, str(path))


def need_size(given: Given, shape: tuple[int, ...], option: str) -> None:
    """CheckpointError unless the images are as the network reads them, ``[H, W, C]`` or ``[T, H, W, C]``."""
    if given.images.shape[1:] != shape:
        raise CheckpointError(
            f"{option}: images of {given.name} are {list(given.images.shape[1:])}; allowed is {list(shape)}, as the "
            "network reads"
        )
