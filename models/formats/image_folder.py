"""A user's own images: a folder of class folders, or an npz file."""

import os
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spikewright.models.formats.errors import FormatError
from spikewright.models.formats.files import class_folders, listing, read_bytes
from spikewright.models.formats.labelled import Labelled

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
#: Pillow's names of the decoders behind SUFFIXES: no other one looks at a user's file.
_DECODERS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
#: Pillow's kinds of pixel with 8 bits a sample or less; the wider ones would be clipped.
_PIXELS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
#: Files that an error lists.
_LISTED = 100


def read_image_folder(
    folder: Path | str, *, channels: Literal[1, 3] = 3, size: tuple[int, int] | None = None
) -> Labelled:
    """``DIR/<class>/<image>``: classes by name, images in natural order, uint8 ``[n, H, W, channels]``.

    channels: 3 makes grey images colour, 1 colour ones grey (0.299 R + 0.587 G + 0.114 B); size: height and width of
    all images, those of the first where not given; nothing is rescaled. Transparency is dropped; of an animation the
    first image counts. What is not an image in a class folder is refused; hidden files are passed over.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, not {channels!r}")
    root = Path(folder)
    if not os.path.isdir(root):
        raise FormatError.at(root, "is not a folder; allowed is one with a folder for each class")
    paths: list[Path] = []
    labels: list[int] = []
    classes = class_folders(root)
    for label, directory in enumerate(classes):
        files = listing(directory)
        if not files:
            raise FormatError.at(directory, f"holds no images; allowed are *{', *'.join(SUFFIXES)}")
        paths += files
        labels += [label] * len(files)
    images = read_images(root, paths, channels=channels, size=size)
    return Labelled(images, np.array(labels, np.int64), tuple(directory.name for directory in classes))


def read_images(
    root: Path, paths: Sequence[Path], *, channels: Literal[1, 3], size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Images ``[n, H, W, channels]``; one error, of ``root``, lists those that cannot be read or have another size."""
    images: NDArray[np.uint8] | None = None
    faults: list[str] = []
    for number, path in enumerate(paths):
        try:
            if path.suffix.lower() not in SUFFIXES:
                raise ValueError(f"allowed are *{', *'.join(SUFFIXES)}")
            with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_DECODERS) as image:
                if image.mode not in _PIXELS:
                    raise ValueError(f"pixels of kind {image.mode}; allowed are 8 bits a sample")
                size = size or (image.height, image.width)
                if (image.height, image.width) != size:
                    raise ValueError(f"{image.height}×{image.width} pixels; allowed are {size[0]}×{size[1]}")
                pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"), np.uint8)
        except Exception as error:  # a decoder raises what it likes: OSError, SyntaxError, struct.error, …
            faults.append(f"{_name(path, root)} ({_reason(error, path)})")
            continue
        if images is None:
            images = np.empty((len(paths), *size, channels), np.uint8)
        images[number] = pixels.reshape(*size, channels)
    if faults:
        more = f" and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
        count = f"{len(faults)} of {len(paths)} images cannot be read"
        raise FormatError.at(root, f"{count}: {', '.join(faults[:_LISTED])}{more}")
    if images is None:
        raise FormatError.at(root, "holds no images")
    return images


def _name(path: Path, root: Path) -> str:
    name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    return name.replace("\n", "\\n")  # a list of names is one line


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, OSError) and "truncated" in str(error):
        return f"cut off at byte {path.stat().st_size}"
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).replace("\n", " ") or type(error).__name__


def read_npz(path: Path | str) -> Labelled:
    """``images`` uint8 ``[n, H, W]``, ``[n, H, W, C]`` or ``[n, T, H, W, C]`` and ``labels``, integers 0…K−1, ``[n]``.

    ``[n, H, W]`` is returned as ``[n, H, W, 1]``. Every class 0…K−1 has an image; the classes are named by number.
    """
    path = Path(path)
    images, labels = _arrays(path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4, 5) or 0 in images.shape:
        shapes = "uint8 [n, H, W], [n, H, W, C] or [n, T, H, W, C], none of them 0"
        raise FormatError.at(path, f"images is {images.dtype} {list(images.shape)}; allowed is {shapes}")
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        allowed = f"integers [{len(images)}]"
        raise FormatError.at(path, f"labels is {labels.dtype} {list(labels.shape)}; allowed is {allowed}, one an image")
    least, classes = int(labels.min()), int(labels.max()) + 1
    if least < 0:
        raise FormatError.at(path, f"labels holds {least}; allowed are 0…K−1")
    used = np.unique(labels)
    if len(used) != classes:
        lacking = np.flatnonzero(used != np.arange(len(used)))[0]
        raise FormatError.at(path, f"labels goes up to {classes - 1} without {lacking}; allowed are 0…K−1, each in use")
    shaped = images[..., None] if images.ndim == 3 else images
    return Labelled(np.ascontiguousarray(shaped), labels.astype(np.int64), tuple(map(str, range(classes))))


def _arrays(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    if read_bytes(path, 2) != b"PK":
        raise FormatError.at(
            path, "is not an npz file, a zip that starts with 'PK'; allowed is what np.savez writes", 0
        )
    offset = 0
    try:
        offset = path.stat().st_size
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ("images", "labels") if name not in archive.files]
            if missing:
                members = ", ".join(archive.files) or "nothing"
                raise FormatError.at(path, f"lacks {' and '.join(missing)}; it holds {members}")
            arrays = []
            for name in ("images", "labels"):
                member = next(info for info in archive.zip.infolist() if info.filename in (f"{name}.npy", name))
                offset = member.header_offset
                arrays.append(np.asarray(archive[name]))  # bytes, where it is no array
    except FormatError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise FormatError.at(path, f"the zip is damaged or cut off ({error})", offset) from None
    except Exception as error:  # a damaged member: zlib.error, ValueError of its header, objects in need of pickle, …
        raise FormatError.at(path, f"the array cannot be read ({error}); allowed are plain numbers", offset) from None
    return arrays[0], arrays[1]
