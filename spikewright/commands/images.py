"""Which images a command works on: of the package's data set or a recipe's, or from a file."""

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from spikewright.commands.common import UserError
from spikewright.echo import quoted, short
from spikewright.models.package import Package

if TYPE_CHECKING:  # else the commands that need no data would load PyTorch's and scikit-learn's modules
    from spikewright.models.data import Dataset

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Chosen:
    """The images that a command works on.

    images: uint8 [B, H, W, C], frames [B, T, H, W, C]; labels: int64 [B], or None where they are not known; source: in
    words.
    """

    images: Array
    labels: Array | None
    source: str


def choose_images(package: Package, count: int | None, file: Path | None, *, usual: int | None = None) -> Chosen:
    """``count`` test images, in their order, of the package's data set or of a recipe's; or all images of a .npy file.

    usual: so many test images where ``count`` is None; all, without it.
    """
    if file is not None and file.suffix not in (".yaml", ".yml"):
        if count is not None:
            raise UserError("give --images or --input, not both")
        return Chosen(from_file(package, file), None, str(file))
    dataset = _dataset_of_recipe(file) if file is not None else _dataset_at_hand(package)
    test, want = dataset.test, package.network.image_shape
    if test.images.shape[1:] != want:
        shape = list(test.images.shape[1:])
        raise UserError(f"{dataset.name}: its images are {shape}; allowed is {list(want)}, as the network reads")
    count = min(usual or len(test), len(test)) if count is None else count
    if not 1 <= count <= len(test):
        raise UserError(f"--images must be from 1 to {len(test)}, the test images of {dataset.name}, not {count}")
    return Chosen(test.images[:count], test.labels[:count], f"test images of {dataset.name}")


def _dataset_of_recipe(file: Path) -> "Dataset":
    from spikewright.compress.recipe.reading import load_recipe
    from spikewright.models.data import load

    return load(load_recipe(file).data)


def _dataset_at_hand(package: Package) -> "Dataset":
    from spikewright.models.data import DataError, load

    name = package.network.data
    if name is None:
        raise UserError(f"the package names no data set: give images with --input X.npy, {_expected(package)}")
    try:
        return load(name)
    except DataError:
        raise UserError(
            f"the package's data set {quoted(name)} is not at hand: give its recipe or images, --input RECIPE.yaml or "
            f"X.npy, {_expected(package)}"
        ) from None


def _expected(package: Package) -> str:
    return f"uint8 [n, {', '.join(map(str, package.network.image_shape))}]"


def from_file(package: Package, file: Path) -> Array:
    """Images of a .npy file, checked."""
    want = package.network.image_shape
    expected = _expected(package)
    allowed = f"{expected}, n images, or one without n"
    steps = package.network.steps
    reads = (
        f"frames, one at each of its {steps} steps"
        if package.network.input.frames
        else (f"one image at all of its {steps} steps, no frames")
    )
    try:
        if not file.is_file() and file.exists():
            raise UserError(f"{file}: is no file; allowed is {allowed}")
        with file.open("rb") as stream:
            shape, dtype = _header(stream, file, allowed)
            if dtype != np.uint8 or want not in (shape, shape[1:]) or not prod(shape):
                told, why = short(f"{dtype} {list(shape)}"), ""
                if want not in (shape, shape[1:]):
                    why = f": the network reads {reads}"
                elif not prod(shape):
                    why = ": there is no image in it"
                raise UserError(f"{file}: expected {expected}, got {told}{why}")
            there, here = file.stat().st_size - stream.tell(), prod(shape)
            if here > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
                raise UserError(f"{file}: says that it holds more than fits into memory")
            if here > there:
                raise UserError(f"{file}: not a whole .npy file of numbers")
        return np.asarray(np.load(file, allow_pickle=False)).reshape(-1, *want)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (MemoryError, OverflowError):
        raise UserError(f"{file}: says that it holds more than fits into memory") from None


def _header(stream: BinaryIO, file: Path, allowed: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that a .npy file says it holds, before anything of it is read."""
    try:
        if (magic := stream.read(4)) == b"PK\x03\x04":
            raise UserError(f"{file}: holds several arrays; allowed is {allowed}")
        stream.seek(-len(magic), os.SEEK_CUR)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{file}: not a whole .npy file of numbers") from None
    return shape, dtype
