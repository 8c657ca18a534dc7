"""The published folders of event data sets: which samples, which split, and their frames."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from format_files import AEDAT31_HEADER, Event, aedat2, gesture_labels, nbin, packet, put, refused

from spikewright.models.formats.cifar import CIFAR10_CLASSES
from spikewright.models.formats.dvs_sets import (
    GESTURE_CLASSES,
    Sample,
    cifar10_dvs,
    dvs128_gesture,
    load_frames,
    n_caltech101,
    n_mnist,
)


@pytest.fixture
def gesture(tmp_path: Path) -> Path:
    """Two recordings to train with, of two and one gestures that overlap, and one to test with."""
    root = tmp_path / "DvsGesture"
    rows: list[Event] = [(t, t % 128, t // 10, t % 2) for t in range(0, 100, 3)]
    for name, labels in (
        ("user01_led", [(1, 0, 40), (11, 30, 90)]),
        ("user02_lab", [(8, 50, 60)]),
        ("user24_led", [(3, 10, 20)]),
    ):
        put(root / f"{name}.aedat", AEDAT31_HEADER + packet(rows[:9]) + packet(rows[9:]))
        put(root / f"{name}_labels.csv", gesture_labels(labels))
    put(root / "trials_to_train.txt", b"user01_led.aedat\nuser02_lab.aedat\n\n")
    put(root / "trials_to_test.txt", b"user24_led.aedat\r\n")
    return root


def test_gesture_samples(gesture: Path) -> None:
    listed = dvs128_gesture(gesture.parent)
    assert listed == replace(dvs128_gesture(gesture), read=listed.read)
    first, second = gesture / "user01_led.aedat", gesture / "user02_lab.aedat"
    assert listed.train == (Sample(first, 0, 0, 40), Sample(first, 10, 30, 90), Sample(second, 7, 50, 60))
    assert listed.test == (Sample(gesture / "user24_led.aedat", 2, 10, 20),)
    assert len(listed.classes) == 11
    assert listed.classes == GESTURE_CLASSES


def test_gesture_frames(gesture: Path) -> None:
    train, test = load_frames(dvs128_gesture(gesture), 2, by="count")
    assert train.images.shape == (3, 2, 128, 128, 2)
    assert train.images.dtype == np.uint8
    assert train.labels.tolist() == [0, 10, 7]
    assert test.labels.tolist() == [2]
    assert test.classes == GESTURE_CLASSES
    expected = np.zeros((2, 128, 128, 2), int)  # 12, 15, 18: the first two events in the first slice
    for step, t in ((0, 12), (0, 15), (1, 18)):
        expected[step, t // 10, t % 128, t % 2] = 1
    assert np.array_equal(test.images[0], expected)
    assert train.images.reshape(3, -1).sum(1).tolist() == [14, 20, 3]
    halved, _ = load_frames(dvs128_gesture(gesture), 2, by="count", shrink=2)
    blocks = train.images.reshape(3, 2, 64, 2, 64, 2, 2).sum((3, 5))
    assert np.array_equal(halved.images, blocks)


def test_gesture_faults(gesture: Path) -> None:
    trials = gesture / "trials_to_train.txt"
    for line in (b"user03_led.aedat", b"../user01_led.aedat", b"user01_led_labels.csv"):
        put(trials, b"user01_led.aedat\n" + line)
        refused(lambda: dvs128_gesture(gesture), trials, "byte 17:", repr(line.decode())[1:-1], "the .aedat files next")
    put(trials, b"\n")
    refused(lambda: dvs128_gesture(gesture), trials, "byte 0:", "names no recording")
    trials.unlink()
    refused(lambda: dvs128_gesture(gesture), trials, "No such file")
    refused(lambda: dvs128_gesture(gesture / "none"), gesture / "none", "is not a folder")


def test_gesture_without_labels_or_events(gesture: Path) -> None:
    labels = gesture / "user24_led_labels.csv"
    put(labels, gesture_labels([(3, 1000, 2000)]))
    listed = dvs128_gesture(gesture)
    refused(lambda: load_frames(listed, 2), gesture / "user24_led.aedat", "no event from 1000 to 2000 µs")
    labels.unlink()
    refused(lambda: dvs128_gesture(gesture), labels, "No such file")
    recording = gesture / "user02_lab.aedat"
    size = recording.stat().st_size
    recording.write_bytes(recording.read_bytes()[:-3])
    start = size - 8 * (34 - 9)
    refused(lambda: load_frames(listed, 2), recording, f"byte {start}:", f"after {8 * (34 - 9) - 3} of")


def put_cifar10_dvs(folder: Path, count: int) -> None:
    for label, name in enumerate(CIFAR10_CLASSES):
        for number in range(count):
            rows = [(0, label, number, 1), (9, 127, 127, 0)]
            put(folder / name / f"cifar10_{name}_{number}.aedat", aedat2(rows))


@pytest.mark.parametrize(("count", "tests"), [(2, 1), (19, 1), (20, 2)])
def test_cifar10_dvs_keeps_the_last_tenth_by_number(tmp_path: Path, count: int, tests: int) -> None:
    put_cifar10_dvs(tmp_path, count)
    listed = cifar10_dvs(tmp_path)
    numbers = [(s.label, int(s.path.stem.split("_")[-1])) for s in (*listed.train, *listed.test)]
    border = count - tests
    train = [(label, number) for label in range(10) for number in range(border)]
    test = [(label, number) for label in range(10) for number in range(border, count)]
    assert numbers == train + test
    assert len(listed.test) == 10 * tests


def test_cifar10_dvs_frames(tmp_path: Path) -> None:
    put_cifar10_dvs(tmp_path, 3)
    train, test = load_frames(cifar10_dvs(tmp_path), 4)
    assert train.images.shape == (20, 4, 128, 128, 2)
    assert train.labels.tolist() == [label for label in range(10) for _ in range(2)]
    for label in range(10):
        assert np.argwhere(test.images[label]).tolist() == [[0, 2, label, 1], [3, 127, 127, 0]]
    assert test.classes == CIFAR10_CLASSES


@pytest.mark.parametrize("by", ["time", "count"])
def test_falling_times_are_refused_or_sorted(tmp_path: Path, by: Literal["time", "count"]) -> None:
    put_cifar10_dvs(tmp_path, 2)
    name = CIFAR10_CLASSES[0]
    path = put(tmp_path / name / f"cifar10_{name}_0.aedat", aedat2([(9, 127, 127, 0), (0, 5, 3, 1)]))
    listed = cifar10_dvs(tmp_path)
    told = "event 1 is at 0 µs, after one at 9 µs; allowed are times that do not fall, or 'sort: true'"
    refused(lambda: load_frames(listed, 2, by=by), path, told)
    train, _ = load_frames(listed, 2, by=by, sort=True)
    assert np.argwhere(train.images[0]).tolist() == [[0, 3, 5, 1], [1, 127, 127, 0]]


def test_cifar10_dvs_faults(tmp_path: Path) -> None:
    put_cifar10_dvs(tmp_path, 2)
    (tmp_path / "ship" / "cifar10_ship_0.aedat").unlink()
    refused(lambda: cifar10_dvs(tmp_path), tmp_path / "ship", "holds one recording", "two or more")
    (tmp_path / "ship" / "cifar10_ship_1.aedat").rename(tmp_path / "ship" / "cifar10_ship_1.aedat4")
    refused(lambda: cifar10_dvs(tmp_path), tmp_path / "ship", "holds no files *.aedat")
    (tmp_path / "ship").rename(tmp_path / "boat")
    refused(lambda: cifar10_dvs(tmp_path), tmp_path, "lacks the folders ship;")
    refused(lambda: cifar10_dvs(tmp_path / "none"), tmp_path / "none", "lacks the folders airplane, automobile")


@pytest.mark.parametrize("inner", [".", "Caltech101"])
def test_n_caltech101(tmp_path: Path, inner: str) -> None:
    for label, name in enumerate(("BACKGROUND_Google", "accordion", "Zebra")):
        for number in (1, 2, 10):
            rows = [(0, 239, 179, 1), (number, label, number, 0)]
            put(tmp_path / inner / name / f"image_{number:0{number % 2 + 1}}.bin", nbin(rows))
    listed = n_caltech101(tmp_path)
    assert listed.classes == ("BACKGROUND_Google", "Zebra", "accordion")
    assert [sample.path.name for sample in listed.test] == ["image_10.bin"] * 3
    train, test = load_frames(listed, 1, shrink=4)
    assert train.images.shape == (6, 1, 45, 60, 2)
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.argwhere(test.images[1]).tolist() == [[0, 2, 0, 0], [0, 44, 59, 1]]


def test_n_caltech101_faults(tmp_path: Path) -> None:
    refused(lambda: n_caltech101(tmp_path), tmp_path, "holds no folders")
    refused(lambda: n_caltech101(tmp_path / "none"), tmp_path / "none", "is not a folder")
    outside = put(tmp_path / "ant" / "image_0002.bin", nbin([(0, 0, 0, 1), (0, 240, 0, 1)]))
    put(tmp_path / "ant" / "image_0001.bin", nbin([(0, 0, 0, 1)]))
    refused(lambda: load_frames(n_caltech101(tmp_path), 1), outside, "byte 5:", "column 240", "240×180 pixels")


def test_n_mnist(tmp_path: Path) -> None:
    for digit in range(10):
        for number in (7, 11):
            put(tmp_path / "Train" / str(digit) / f"{number:05}.bin", nbin([(number, digit, 33, 1)]))
        put(tmp_path / "Test" / str(digit) / "00003.bin", nbin([(5, 33, digit, 0), (6, 0, 0, 1)]))
    listed = n_mnist(tmp_path)
    assert [sample.path.name for sample in listed.train[:2]] == ["00007.bin", "00011.bin"]
    train, test = load_frames(replace(listed, train=listed.train[:6]), 2)
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert test.labels.tolist() == list(range(10))
    assert np.argwhere(test.images[4]).tolist() == [[0, 4, 33, 0], [1, 0, 0, 1]]
    (tmp_path / "Test" / "9" / "00003.bin").unlink()
    refused(lambda: n_mnist(tmp_path), tmp_path / "Test" / "9", "holds no files *.bin")
    refused(lambda: n_mnist(tmp_path / "none"), tmp_path / "none", "is not a folder; allowed is the one that holds")


def test_arguments_are_checked_before_reading(gesture: Path) -> None:
    listed = dvs128_gesture(gesture)
    with pytest.raises(ValueError, match="shrink must divide 128 and 128, not be 3"):
        load_frames(listed, 2, shrink=3)
    with pytest.raises(ValueError, match="by must be one of time, count"):
        load_frames(listed, 2, by="number")  # type: ignore[arg-type]
