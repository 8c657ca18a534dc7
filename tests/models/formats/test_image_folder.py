"""A user's folder of images and npz files: exact contents, and one error that lists what cannot be read."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from format_files import put, put_image, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.models.formats.image_folder import read_image_folder, read_npz


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, four formats without loss, two images of them grey."""
    pixels = noise(4, 5, 6, 3)
    put_image(tmp_path / "dog" / "b_10.png", pixels[0])
    put_image(tmp_path / "dog" / "b_9.BMP", pixels[1])
    put_image(tmp_path / "cat" / "a.ppm", pixels[2])
    put_image(tmp_path / "cat" / "c.tiff", pixels[3, ..., 0])
    put(tmp_path / "cat" / ".DS_Store", b"hidden")
    put(tmp_path / "README.md", b"next to the class folders")
    return tmp_path


def test_classes_by_name_and_images_in_natural_order(folder: Path) -> None:
    read = read_image_folder(folder)
    pixels = noise(4, 5, 6, 3)
    assert read.classes == ("cat", "dog")
    assert read.labels.tolist() == [0, 0, 1, 1]
    assert read.labels.dtype == np.int64
    grey = pixels[3, ..., :1].repeat(3, axis=-1)
    assert np.array_equal(read.images, np.stack([pixels[2], grey, pixels[1], pixels[0]]))
    assert read.images.dtype == np.uint8


def test_one_channel(folder: Path) -> None:
    read = read_image_folder(folder, channels=1)
    pixels = noise(4, 5, 6, 3)
    assert read.images.shape == (4, 5, 6, 1)
    assert np.array_equal(read.images[1, ..., 0], pixels[3, ..., 0])
    red, green, blue = pixels[2].astype(int).transpose(2, 0, 1)
    # Pillow's fixed-point weights of 16 bits, rounded
    assert np.array_equal(read.images[0, ..., 0], (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16)


def test_other_sizes_are_refused(folder: Path) -> None:
    refused(lambda: read_image_folder(folder, size=(6, 5)), folder, "4 of 4 images", "5×6 pixels; allowed are 6×5")
    assert len(read_image_folder(folder, size=(5, 6))) == 4
    put_image(folder / "dog" / "b_11.png", noise(5, 7, 3))
    refused(lambda: read_image_folder(folder), "1 of 5", "dog/b_11.png (5×7 pixels; allowed are 5×6)")


def test_unreadable_images_are_listed(folder: Path) -> None:
    cut = folder / "dog" / "b_10.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    where = f"dog/b_10.png (cut off at byte {cut.stat().st_size})"
    text = refused(lambda: read_image_folder(folder), f"1 of 4 images cannot be read: {where}")
    assert "more" not in text
    put(folder / "cat" / "notes.txt", b"words")
    (folder / "cat" / "nested.png").mkdir()
    put(folder / "cat" / "empty.png", b"")
    put(folder / "cat" / "program.gif", b"%!PS-Adobe-3.0\n")
    for part in ("5 of 8", "cat/notes.txt (allowed are *.png", "cat/nested.png (Is a directory)"):
        refused(lambda: read_image_folder(folder), part)
    refused(lambda: read_image_folder(folder), "cat/empty.png (not an image)", "cat/program.gif (not an image)")
    for number in range(12):
        put(folder / "cat" / f"x{number}.jpg", b"\xff\xd8\xff\xe0")
    text = refused(lambda: read_image_folder(folder), "17 of 20", "cat/x11.jpg")
    assert text.count("(") == 17
    assert "more" not in text
    for number in range(12, 100):
        put(folder / "cat" / f"x{number}.jpg", b"")
    assert refused(lambda: read_image_folder(folder), "105 of 108", "and 5 more").count("(") == 100


def test_wide_pixels_are_refused(folder: Path) -> None:
    put_image(folder / "cat" / "deep.png", np.zeros((5, 6), np.uint16))
    refused(lambda: read_image_folder(folder), "cat/deep.png (pixels of kind I;16; allowed are 8 bits a sample)")


def test_folders_without_images(tmp_path: Path) -> None:
    refused(lambda: read_image_folder(tmp_path / "none"), tmp_path / "none", "is not a folder")
    refused(lambda: read_image_folder(put(tmp_path / "file", b"")), "is not a folder")
    refused(lambda: read_image_folder(tmp_path), tmp_path, "holds no folders")
    (tmp_path / "cat").mkdir()
    refused(lambda: read_image_folder(tmp_path), tmp_path / "cat", "holds no images", "*.png")


def test_channels_are_checked(folder: Path) -> None:
    with pytest.raises(ValueError, match="channels must be 1 or 3, not 4"):
        read_image_folder(folder, channels=4)  # type: ignore[arg-type]


@given(
    shape=st.lists(st.integers(1, 4), min_size=3, max_size=5),
    kind=st.sampled_from(["int64", "uint8", "int32", ">u2"]),
    compressed=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_npz_round_trip(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], kind: str, compressed: bool
) -> None:
    images, labels = noise(*shape), (np.arange(shape[0]) % 2).astype(kind)
    path = tmp_path_factory.getbasetemp() / "round_trip.npz"
    (np.savez_compressed if compressed else np.savez)(path, images=images, labels=labels, other=np.zeros(2))
    read = read_npz(path)
    assert np.array_equal(read.images, images if len(shape) > 3 else images[..., None])
    assert np.array_equal(read.labels, labels)
    assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int64)
    assert len(read.classes) == min(shape[0], 2)


GOOD = np.zeros((3, 2, 2), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({}, ["lacks images and labels; it holds nothing"]),
        ({"images": GOOD, "targets": GOOD}, ["lacks labels; it holds images, targets"]),
        ({"images": GOOD.astype(np.float32), "labels": [0, 1, 2]}, ["images is float32 [3, 2, 2]", "uint8 [n, H, W]"]),
        ({"images": GOOD[0], "labels": [0, 1]}, ["images is uint8 [2, 2]"]),
        ({"images": GOOD[:0], "labels": np.zeros(0, int)}, ["images is uint8 [0, 2, 2]"]),
        ({"images": GOOD, "labels": [0.0, 1.0, 2.0]}, ["labels is float64 [3]", "integers [3]"]),
        ({"images": GOOD, "labels": [0, 1]}, ["labels is int64 [2]", "integers [3]"]),
        ({"images": GOOD, "labels": [-1, 0, 1]}, ["labels holds -1"]),
        ({"images": GOOD, "labels": [0, 3, 1]}, ["labels goes up to 3 without 2", "0…K−1"]),
        ({"images": GOOD, "labels": [2**62, 0, 1]}, ["without 2"]),
        ({"images": GOOD, "labels": [1, 1, 1]}, ["without 0"]),
        ({"images": np.array([{}, {}, {}], object), "labels": [0, 1, 2]}, ["byte 0:", "the array cannot be read"]),
    ],
)
def test_wrong_npz(tmp_path: Path, arrays: dict[str, object], parts: list[str]) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    refused(lambda: read_npz(path), path, *parts)


def test_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    refused(lambda: read_npz(path), path, "No such file")
    refused(lambda: read_npz(put(path, b"")), path, "byte 0:", "is not an npz file")
    buffer = io.BytesIO()
    np.save(buffer, GOOD)
    refused(lambda: read_npz(put(path, buffer.getvalue())), path, "byte 0:", "is not an npz file")
    np.savez(path, labels=np.arange(3), images=GOOD)
    whole = path.read_bytes()
    refused(lambda: read_npz(put(path, whole[:-40])), path, f"byte {len(whole) - 40}:", "damaged or cut off")
    second = whole.index(b"PK\x03\x04", 1)
    flipped = bytearray(whole)
    flipped[whole.index(b"PK\x01\x02") - 1] ^= 1  # the last pixel: its checksum is wrong then
    refused(lambda: read_npz(put(path, bytes(flipped))), path, f"byte {second}:", "Bad CRC-32")


def test_npz_with_a_member_that_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x09\x00 not an array")
        archive.writestr("labels.npy", b"words")
    refused(lambda: read_npz(path), path, "byte 0:", "cannot be read")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"words")
        archive.writestr("labels", b"words")
    refused(lambda: read_npz(path), path, "images is |S5 []; allowed is uint8")
