"""Which images a command works on: of the package's data set, or from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.commands.common import UserError
from spikewright.models.package import Package

Array = np.ndarray


@dataclass(frozen=True)
class Chosen:
    """images uint8 [B, H, W, C]; labels int64 [B], or None where they are not known; source, in words."""

    images: Array
    labels: Array | None
    source: str


def choose_images(package: Package, count: int | None, file: Path | None) -> Chosen:
    """``count`` images of the test split (None: all), in its order, or all images of ``file``."""
    if file is not None:
        if count is not None:
            raise UserError("give --images or --input, not both")
        return Chosen(from_file(package, file), None, str(file))
    name = package.network.data
    if name is None:
        raise UserError("the package names no data set: give images with --input X.npy")
    from spikewright.models import data

    try:
        test = data.load(name).test
    except ValueError:
        raise UserError(f"the package's data set {name!r} is not known: give images with --input X.npy") from None
    count = len(test) if count is None else count
    if not 1 <= count <= len(test):
        raise UserError(f"--images must be from 1 to {len(test)}, the test images of {name}, not {count}")
    return Chosen(test.images[:count], test.labels[:count], f"test images of {name}")


def from_file(package: Package, file: Path) -> Array:
    """Images of a .npy file, checked."""
    image = package.network.input
    want = (image.height, image.width, image.channels)
    allowed = f"uint8 [{', '.join(map(str, want))}], or [N, {', '.join(map(str, want))}] for several"
    try:
        array = np.load(file, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise UserError(f"{file}: not a whole .npy file of numbers") from None
    if not isinstance(array, np.ndarray):
        raise UserError(f"{file}: holds several arrays; allowed is {allowed}")
    if array.dtype != np.uint8 or array.shape[-3:] != want or array.ndim not in (3, 4) or not array.size:
        raise UserError(f"{file}: {array.dtype} {list(array.shape)} is no image of this network; allowed is {allowed}")
    return array.reshape(-1, *want)
