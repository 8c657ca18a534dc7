"""Data sets: fixed, disjoint, stratified splits; real grey levels; clutter that never crosses splits."""

import numpy as np
import pytest

from spikewright.models.data import DataError, Dataset, can_be_bent, count_table, encode, input_table, load
from spikewright.models.data.digits import jitter, split_indices
from spikewright.models.data.mnist import mnist_split

NAMES = ("digits", "clutter-digits")


@pytest.fixture(params=NAMES)
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return load(request.param)


def test_split_is_fixed_disjoint_and_complete() -> None:
    train, validation, test = split_indices()
    assert (len(train), len(validation), len(test)) == (1257, 180, 360)
    assert sorted(np.concatenate([train, validation, test])) == list(range(1797))
    assert test[:6].tolist() == FIRST_TEST_INDICES


def test_folds_are_contiguous_and_every_digit_is_tested_once() -> None:
    tested = []
    for fold in range(5):
        train, validation, test = split_indices(fold)
        assert (np.diff(test) == 1).all()
        assert len(validation) == 180
        assert sorted(np.concatenate([train, validation, test])) == list(range(1797))
        tested.append(test)
    assert np.concatenate(tested).tolist() == list(range(1797))
    first, second = load("clutter-digits:0"), load("clutter-digits:1")
    assert len(first.test) == len(split_indices(0)[2])
    assert not np.array_equal(first.test.images, second.test.images)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "mnist",
            "unknown data set 'mnist'; did you mean 'mnist-5k'? All are clutter-digits, digits, event-digits, mnist-5k",
        ),
        (
            "digit:1",
            "unknown data set 'digit'; did you mean 'digits'? All are clutter-digits, digits, event-digits, mnist-5k",
        ),
        ("digits:5", "the fold in data 'digits:5' must be from 0 to 4"),
        ("digits:", "the fold in data 'digits:' must be from 0 to 4"),
        ("mnist-5k:0", "data 'mnist-5k:0' names a fold, but mnist-5k has one split only: write mnist-5k"),
        ("digits:x", "the fold in data 'digits:x' must be from 0 to 4"),
    ],
)
def test_unknown_names_are_refused(name: str, text: str) -> None:
    with pytest.raises(DataError) as caught:
        load(name)
    assert str(caught.value) == text


def test_event_counts_are_their_own_codes_and_saturate() -> None:
    table = count_table(2, bits=3)
    assert table[:, :10].tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 7, 7]] * 2
    frames = np.array([3, 9], np.uint8).reshape(1, 1, 1, 1, 2)
    assert encode(frames, table).reshape(-1).tolist() == [3, 7]
    assert encode(np.zeros((4, 3, 8, 6, 2), np.uint8), table).shape == (4, 3, 2, 8, 6)


FIRST_TEST_INDICES = [3, 5, 7, 18, 20, 38]


def test_types_shapes_and_stratification(dataset: Dataset) -> None:
    for split in (dataset.train, dataset.validation, dataset.test):
        n = len(split)
        assert split.images.shape == (n, 16, 16, 1)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        shares = np.bincount(split.labels, minlength=10) / n
        assert shares.min() > 0.09
        assert shares.max() < 0.11


def test_loading_twice_gives_the_same_images() -> None:
    load.cache_clear()
    first = load("clutter-digits").test.images.copy()
    load.cache_clear()
    assert np.array_equal(first, load("clutter-digits").test.images)


def test_digits_have_17_grey_levels_doubled_in_both_directions() -> None:
    images = load("digits").train.images[..., 0]
    assert len(np.unique(images)) == 17
    assert images.max() == 255
    assert np.array_equal(images[:, ::2, ::2], images[:, 1::2, 1::2])


def test_clutter_surrounds_the_digit_and_uses_all_bits() -> None:
    test = load("clutter-digits").test
    assert np.array_equal(test.areas.sum((1, 2)), np.full(360, 64))
    assert all(((test.images >> bit) & 1).mean() > 0.05 for bit in range(8))
    assert test.images[..., 0][~test.areas].max() > 200
    assert len({tuple(np.argwhere(a)[0]) for a in test.areas}) > 50


def test_refresh_is_seeded_and_keeps_labels(dataset: Dataset) -> None:
    a, b = (dataset.refresh(np.random.default_rng(7)) for _ in range(2))
    another = dataset.refresh(np.random.default_rng(8))
    assert np.array_equal(a.images, b.images)
    assert not np.array_equal(a.images, another.images)
    assert np.array_equal(a.labels, dataset.train.labels)


def test_jitter_bends_about_three_of_four_digits_and_keeps_them_in_place() -> None:
    native = load("digits").train.images[:200, ::2, ::2, 0]
    bent = jitter(native, np.random.default_rng(1))
    changed = (bent != native).any((1, 2))
    assert 125 < changed.sum() < 175
    assert bent.dtype == np.uint8
    shares = bent.sum((1, 2), dtype=np.int64) / native.sum((1, 2), dtype=np.int64)
    assert shares.min() > 0.7
    assert shares.max() < 1.3
    assert not np.array_equal(
        load("digits").refresh(np.random.default_rng(7), True).images,
        load("digits").refresh(np.random.default_rng(7)).images,
    )


@pytest.mark.parametrize("name", ["digits", "clutter-digits", "event-digits"])
def test_what_can_be_bent_is(name: str) -> None:
    straight, bent = (load(name).refresh(np.random.default_rng(7), jittered).images for jittered in (False, True))
    assert can_be_bent(f"{name}:1") == can_be_bent(name) == (not np.array_equal(straight, bent))


def test_table_maps_the_mean_to_zero_and_encodes_channels_first() -> None:
    images = load("clutter-digits").train.images
    table = input_table(images)
    assert table.shape == (1, 256)
    assert table.dtype == np.int16
    assert table[0, round(images.mean())] == 0
    assert table.min() >= -128
    assert table.max() <= 127
    assert (np.diff(table[0]) >= 0).all()
    codes = encode(images[:3], table)
    assert codes.shape == (3, 1, 16, 16)
    assert codes[1, 0, 4, 5] == table[0, images[1, 4, 5, 0]]


def test_unknown_data_lists_what_exists() -> None:
    with pytest.raises(ValueError, match="clutter-digits, digits"):
        load("mnist")


def test_mnist_is_split_once_by_class_and_shuffled() -> None:
    train, validation, test = mnist_split()
    assert (len(train), len(validation), len(test)) == (3500, 500, 1000)
    assert sorted(np.concatenate([train, validation, test])) == list(range(5000))
    data = load("mnist-5k")
    for split in (data.train, data.validation, data.test):
        assert split.images.shape == (len(split), 28, 28, 1)
        assert np.bincount(split.labels).tolist() == [len(split) // 10] * 10
        assert len(set(split.labels[:20].tolist())) > 5
    assert data.test.images.max() == 255
    assert can_be_bent("mnist-5k")


def test_mnist_is_bent_and_moved_and_keeps_its_labels() -> None:
    data = load("mnist-5k")
    plain, bent = (data.refresh(np.random.default_rng(7), jittered) for jittered in (False, True))
    assert np.array_equal(plain.labels, data.train.labels)
    assert not np.array_equal(plain.images, bent.images)
    shares = bent.images.sum((1, 2, 3), dtype=np.int64) / data.train.images.sum((1, 2, 3), dtype=np.int64)
    assert shares.min() > 0.5
    assert shares.max() < 1.6
