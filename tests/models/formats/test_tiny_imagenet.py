"""Tiny-ImageNet-200: the published folders, labels by the order of wnids.txt, grey images as colour."""

import io
from pathlib import Path

import numpy as np
import pytest
from format_files import put, put_image, refused
from PIL import Image

from spikewright.models.formats.tiny_imagenet import read_tiny_imagenet

WNIDS = ["n02124075", "n01443537", "n04067472"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of two train images, four of validation; one of each part is grey."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "tiny-imagenet-200"
    put(folder / "wnids.txt", "\n".join(WNIDS).encode() + b"\n")
    for label, wnid in enumerate(WNIDS):
        for number in (10, 9):
            shape = (64, 64) if (label, number) == (1, 9) else (64, 64, 3)
            pixels = rng.integers(0, 256, shape).astype(np.uint8)
            put_image(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", pixels)
        put(folder / "train" / wnid / f"{wnid}_boxes.txt", b"not read\n")
    lines = []
    for number, label in enumerate([2, 0, 0, 1]):
        shape = (64, 64) if number == 3 else (64, 64, 3)
        put_image(folder / "val" / "images" / f"val_{number}.JPEG", rng.integers(0, 256, shape).astype(np.uint8))
        lines.append(f"val_{number}.JPEG\t{WNIDS[label]}\t0\t32\t44\t62\n")
    put(folder / "val" / "val_annotations.txt", "".join(lines).encode())
    return folder


def decoded(path: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


@pytest.mark.parametrize("outer", [False, True])
def test_images_and_labels(root: Path, outer: bool) -> None:
    train, val = read_tiny_imagenet(root.parent if outer else root)
    assert train.classes == tuple(WNIDS)
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert val.labels.tolist() == [2, 0, 0, 1]
    assert (train.images.shape, val.images.shape) == ((6, 64, 64, 3), (4, 64, 64, 3))
    assert train.images.dtype == np.uint8
    names = [f"{wnid}/images/{wnid}_{number}.JPEG" for wnid in WNIDS for number in (9, 10)]
    for name, image in zip(names, train.images, strict=True):
        assert np.array_equal(image, decoded(root / "train" / name))
    for number, image in enumerate(val.images):
        assert np.array_equal(image, decoded(root / "val" / "images" / f"val_{number}.JPEG"))
    for grey in (train.images[2], val.images[3]):
        assert np.array_equal(grey, grey[..., :1].repeat(3, axis=-1))


def test_damaged_images_are_listed(root: Path) -> None:
    wrong_size = put_image(root / "train" / WNIDS[0] / "images" / "x_0.JPEG", np.zeros((64, 63, 3), np.uint8))
    text = refused(lambda: read_tiny_imagenet(root), root, "1 of 7 images", "64×63 pixels; allowed are 64×64")
    assert f"train/{WNIDS[0]}/images/x_0.JPEG" in text
    wrong_size.unlink()
    cut = root / "val" / "images" / "val_2.JPEG"
    cut.write_bytes(cut.read_bytes()[:400])
    (root / "val" / "images" / "val_0.JPEG").unlink()
    refused(lambda: read_tiny_imagenet(root), "2 of 4", "val/images/val_0.JPEG (No such file", "val/images/val_2.JPEG")


def test_wrong_lists_are_named_with_the_byte(root: Path) -> None:
    listed = root / "val" / "val_annotations.txt"
    first = listed.read_bytes().splitlines(keepends=True)[0]
    for line, fault in (
        (b"val_1.JPEG n01443537\n", "separated by tabs"),
        (b"val_1.JPEG\tn00000000\t0\t0\t1\t1\n", "those of wnids.txt"),
        (b"../val_1.JPEG\tn01443537\n", "separated by tabs"),
    ):
        listed.write_bytes(first + line)
        refused(lambda: read_tiny_imagenet(root), listed, f"byte {len(first)}:", fault)
    listed.write_bytes(first + b"val\xff")
    refused(lambda: read_tiny_imagenet(root), listed, f"byte {len(first) + 3}:", "UTF-8")
    listed.write_bytes(b"")
    refused(lambda: read_tiny_imagenet(root), listed, "byte 0:", "names no image")
    wnids = root / "wnids.txt"
    wnids.write_bytes(b"n1\nn2\nn1\n")
    refused(lambda: read_tiny_imagenet(root), wnids, "byte 6:", "n1 stands here a second time")
    wnids.write_bytes(b"../n1\n")
    refused(lambda: read_tiny_imagenet(root), wnids, "byte 0:", "no name of a class")
    wnids.write_bytes(b"\n")
    refused(lambda: read_tiny_imagenet(root), wnids, "byte 0:", "names no class")


def test_missing_parts(root: Path) -> None:
    (root / "val" / "val_annotations.txt").unlink()
    refused(lambda: read_tiny_imagenet(root), root / "val" / "val_annotations.txt", "No such file")
    put(root / "wnids.txt", b"n09999999\n")
    refused(lambda: read_tiny_imagenet(root), root / "train" / "n09999999" / "images", "No such file")
    (root / "train" / "n09999999" / "images").mkdir(parents=True)
    refused(lambda: read_tiny_imagenet(root), root / "train" / "n09999999" / "images", "holds no files *.jpeg")
    (root / "wnids.txt").unlink()
    refused(lambda: read_tiny_imagenet(root), root / "wnids.txt", "No such file")
    refused(lambda: read_tiny_imagenet(root / "none"), root / "none", "is not a folder")
