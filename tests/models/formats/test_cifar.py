"""CIFAR: exact pixels and labels of the binary version; all else is refused with file and byte."""

from pathlib import Path

import numpy as np
import pytest
from format_files import cifar_record, put, refused

from spikewright.models.formats.cifar import read_cifar10, read_cifar100

CIFAR10_FILES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


def images(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


def put_cifar10(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two images a file, and what the files hold."""
    pixels, labels = images(12), np.array([3, 9, 0, 1, 2, 9, 8, 7, 6, 5, 4, 0])
    for i, name in enumerate(CIFAR10_FILES):
        records = [cifar_record([labels[k]], pixels[k]) for k in (2 * i, 2 * i + 1)]
        put(folder / name, b"".join(records))
    return pixels, labels


def put_cifar100(folder: Path) -> np.ndarray:
    pixels = images(3)
    put(folder / "train.bin", cifar_record([4, 99], pixels[0]) + cifar_record([19, 0], pixels[1]))
    put(folder / "test.bin", cifar_record([0, 50], pixels[2]))
    return pixels


@pytest.mark.parametrize("inner", [".", "cifar-10-batches-bin"])
def test_cifar10_is_read_exactly(tmp_path: Path, inner: str) -> None:
    pixels, labels = put_cifar10(tmp_path / inner)
    train, test = read_cifar10(tmp_path)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert (len(train), len(test)) == (10, 2)
    assert np.array_equal(train.images, pixels[:10])
    assert np.array_equal(test.images, pixels[10:])
    assert np.array_equal(train.labels, labels[:10])
    assert np.array_equal(test.labels, labels[10:])
    assert train.classes[3] == "cat"
    assert train.images.flags.c_contiguous


def test_cifar100_has_two_labels(tmp_path: Path) -> None:
    pixels = put_cifar100(tmp_path / "cifar-100-binary")
    train, test = read_cifar100(tmp_path)
    assert np.array_equal(train.images, pixels[:2])
    assert np.array_equal(test.images, pixels[2:])
    assert (train.labels.tolist(), test.labels.tolist()) == ([99, 0], [50])
    assert len(train.classes) == 100
    coarse, _ = read_cifar100(tmp_path, coarse=True)
    assert coarse.labels.tolist() == [4, 19]
    assert len(coarse.classes) == 20


def test_cut_off_empty_and_wrong_files_are_named_with_the_byte(tmp_path: Path) -> None:
    put_cifar10(tmp_path)
    path = tmp_path / "data_batch_3.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refused(lambda: read_cifar10(tmp_path), path, "byte 3073:", "after 3072 bytes", "records of 3073")
    path.write_bytes(b"")
    refused(lambda: read_cifar10(tmp_path), path, "byte 0:", "after 0 bytes")
    path.write_bytes(whole[:3073] + b"\x0a" + whole[3074:])
    refused(lambda: read_cifar10(tmp_path), path, "byte 3073:", "label is 10", "allowed are 0 to 9")


@pytest.mark.parametrize(("column", "value", "top"), [(0, 20, 19), (1, 100, 99)])
def test_cifar100_labels_have_their_limits(tmp_path: Path, column: int, value: int, top: int) -> None:
    put_cifar100(tmp_path)
    content = bytearray((tmp_path / "train.bin").read_bytes())
    content[3074 + column] = value
    put(tmp_path / "train.bin", bytes(content))
    refused(lambda: read_cifar100(tmp_path), "train.bin", f"byte {3074 + column}:", value, f"0 to {top}")


def test_missing_files_are_listed(tmp_path: Path) -> None:
    put_cifar10(tmp_path)
    (tmp_path / "data_batch_2.bin").unlink()
    (tmp_path / "test_batch.bin").unlink()
    refused(lambda: read_cifar10(tmp_path), tmp_path, "data_batch_2.bin, test_batch.bin", "cifar-10-binary.tar.gz")
    refused(lambda: read_cifar10(tmp_path / "nowhere"), tmp_path / "nowhere", "is not a folder")


@pytest.mark.parametrize("name", ["data_batch_1", "cifar-10-batches-py/data_batch_1"])
def test_the_python_version_is_refused_by_name(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, b"\x80\x02}q\x01.")
    refused(lambda: read_cifar10(tmp_path), tmp_path / name, "Python version, a pickle", "cifar-10-binary.tar.gz")


def test_a_folder_named_like_a_pickle_is_none(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    refused(lambda: read_cifar100(tmp_path), tmp_path, "does not hold train.bin, test.bin")


def test_the_python_version_of_cifar100_is_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "cifar-100-python" / "train", b"\x80\x02}q\x01.")
    refused(lambda: read_cifar100(tmp_path), "Python version, a pickle", "cifar-100-binary.tar.gz")
