"""A user's files as data sets: what is read, which splits are cut, what augmentation does, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from format_files import put_image
from published_files import (
    put_cifar10,
    put_cifar10_dvs,
    put_cifar100,
    put_gesture,
    put_n_caltech101,
    put_tiny_imagenet,
    shaded,
)
from pydantic import TypeAdapter

from spikewright.models.data import DataError, Dataset, Source, load
from spikewright.models.data.augment import mirrored, moved
from spikewright.models.data.cut import cut
from spikewright.models.formats.errors import FormatError


def source(here: Path, /, **keys: object) -> Dataset:
    """The data set of a source, as a recipe in the folder `here` names it."""
    return load(TypeAdapter(Source).validate_python(keys, context={"folder": here}))


def rows(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


PUBLISHED = {
    # set: writer, options, shape of an image, classes, images of train, validation and test, counts
    "cifar10": (put_cifar10, {}, (32, 32, 3), 10, (90, 10, 20), False),
    "cifar100": (put_cifar100, {}, (32, 32, 3), 100, (100, 100, 100), False),
    "tiny-imagenet": (put_tiny_imagenet, {}, (64, 64, 3), 3, (9, 3, 3), False),
    "dvs128-gesture": (put_gesture, {"frames": 5, "by": "count"}, (5, 128, 128, 2), 11, (11, 11, 11), True),
    "cifar10-dvs": (put_cifar10_dvs, {"frames": 4, "shrink": 2}, (4, 64, 64, 2), 10, (10, 10, 10), True),
    "n-caltech101": (put_n_caltech101, {"frames": 2, "shrink": 5}, (2, 36, 48, 2), 3, (6, 3, 3), True),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sets(name: str, tmp_path: Path) -> None:
    write, options, shape, classes, sizes, counts = PUBLISHED[name]
    write(tmp_path / "here")
    data = source(tmp_path, set=name, folder="here", **options)
    splits = (data.train, data.validation, data.test)
    assert (data.name, data.classes, data.counts) == (name, classes, counts)
    assert tuple(map(len, splits)) == sizes
    for split in splits:
        assert split.images.shape == (len(split), *shape)
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert set(split.labels) == set(range(classes))
    fresh = data.refresh(np.random.default_rng(1))
    assert fresh.images.shape == data.train.images.shape
    assert np.array_equal(fresh.labels, data.train.labels)
    assert np.array_equal(fresh.images, data.train.images) == (name == "dvs128-gesture")


def arrays(path: Path, count: int = 40, *, shape: tuple[int, ...] = (8, 6, 3)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(path.name))
    images, labels = rng.integers(0, 256, (count, *shape)).astype(np.uint8), np.arange(count) % 4
    np.savez(path, images=images, labels=labels)
    return images, labels


def test_arrays_are_cut_in_three_once_and_for_all(tmp_path: Path) -> None:
    images, _ = arrays(tmp_path / "mine.npz")
    data = source(tmp_path, npz="mine.npz")
    parts = [data.train, data.validation, data.test]
    assert [len(part) for part in parts] == [32, 4, 4]
    assert rows(np.concatenate([part.images for part in parts])) == rows(images)
    assert [sorted(part.labels) for part in parts[1:]] == [[0, 1, 2, 3]] * 2
    assert data.refresh(np.random.default_rng(1)).images is data.train.images  # as they are, if nothing is asked for
    load.cache_clear()
    assert np.array_equal(source(tmp_path, npz="mine.npz").test.images, data.test.images)


def test_arrays_with_their_own_test_images_and_frames(tmp_path: Path) -> None:
    arrays(tmp_path / "a.npz", shape=(3, 8, 6, 2))
    images, labels = arrays(tmp_path / "test.npz", 12, shape=(3, 8, 6, 2))
    data = source(tmp_path, npz="a.npz", test="test.npz", counts=True)
    assert np.array_equal(data.test.images, images)
    assert np.array_equal(data.test.labels, labels)
    assert (len(data.train), len(data.validation), data.counts) == (36, 4, True)


def test_training_images_that_lie_class_by_class_are_mixed(tmp_path: Path) -> None:
    """Firing rates come of the first images, and norms of batches in their order: neither may see one class."""
    labels = np.repeat(np.arange(4), 30)
    np.savez(
        tmp_path / "mine.npz",
        images=np.repeat(labels[:, None, None], 8, 1).repeat(8, 2).astype(np.uint8),
        labels=labels,
    )
    train = source(tmp_path, npz="mine.npz").train
    assert (train.images[:, 0, 0, 0] == train.labels).all()
    assert len(set(train.labels[:16].tolist())) == 4
    assert (np.diff(train.labels) < 0).sum() > 10
    load.cache_clear()
    assert np.array_equal(source(tmp_path, npz="mine.npz").train.labels, train.labels)


def test_folder_of_images(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for k in range(5):
            put_image(tmp_path / "photos" / name / f"{k}.png", shaded(label, k, 8))
    data = source(tmp_path, folder="photos", channels=1, flip=True, shift=2)
    assert data.train.images.shape == (6, 8, 8, 1)
    assert (data.name, data.classes) == ("folder photos", 2)
    assert not np.array_equal(data.refresh(np.random.default_rng(1)).images, data.train.images)
    (tmp_path / "photos" / "dog" / "3.png").write_bytes(b"GIF89a, or so")
    load.cache_clear()
    with pytest.raises(FormatError, match=r"1 of 10 images cannot be read: dog/3.png \(not an image\)"):
        source(tmp_path, folder="photos")


def test_what_does_not_go_together(tmp_path: Path) -> None:
    arrays(tmp_path / "a.npz")
    arrays(tmp_path / "wide.npz", shape=(8, 8, 3))
    arrays(tmp_path / "few.npz", 3)
    np.savez(tmp_path / "single.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(3))
    for keys, text in (
        ({"test": "wide.npz"}, r"npz a.npz: the test images are \[8, 8, 3\]; allowed is \[8, 6, 3\], as those of"),
        ({"test": "few.npz"}, "npz a.npz: class '3' is not in both the training and the test images"),
        ({"shift": 6}, "npz a.npz: shift must be below the images' 8×6 pixels, not 6"),
        ({"npz": "single.npz"}, "no test split, and none can be cut: no class has two images"),
    ):
        with pytest.raises(DataError, match=text):
            source(tmp_path, **{"npz": "a.npz", **keys})
    for keys in ({"npz": "none.npz"}, {"folder": "none"}, {"set": "cifar10", "folder": "none"}):
        with pytest.raises(FormatError, match=rf"^{tmp_path}/none.*: (is not a folder|cannot be read)"):
            source(tmp_path, **keys)
    put_cifar10(tmp_path)
    file = tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FormatError, match=rf"^{file}: byte 58387: the record ends after 3072 bytes"):
        source(tmp_path, set="cifar10", folder=".")


def test_a_tenth_of_each_class_is_cut_one_image_at_least() -> None:
    labels = np.repeat([0, 1, 2, 3], [50, 14, 2, 1])
    rest, part = cut(labels, "test")
    assert np.bincount(labels[part], minlength=4).tolist() == [5, 1, 1, 0]
    assert sorted([*rest, *part]) == list(range(67))
    assert cut(labels, "test")[1].tolist() == part.tolist() != cut(labels, "validation")[1].tolist()


def test_mirrored_and_moved_images() -> None:
    images = np.random.default_rng(2).integers(1, 256, (60, 3, 5, 7, 2)).astype(np.uint8)
    flipped = mirrored(images, np.random.default_rng(3))
    same = [np.array_equal(a, b) for a, b in zip(images, flipped, strict=True)]
    turned = [np.array_equal(a[:, :, ::-1], b) for a, b in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(same, turned, strict=True))
    assert 15 < sum(turned) < 45
    away = moved(images, np.random.default_rng(3), 2, np.array([0, 9], np.uint8))
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2), (0, 0)))
    padded[..., 1][padded[..., 1] == 0] = 9
    corners = set()
    for image, large in zip(away, padded, strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if np.array_equal(large[:, y : y + 5, x : x + 7], image)]
        assert len(places) == 1
        corners.add(places[0])
    assert len(corners) > 15
