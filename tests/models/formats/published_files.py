"""Whole published sets, tiny, in their published formats and folders. Images are of one class, one grey level."""

from pathlib import Path

import numpy as np
from format_files import AEDAT31_HEADER, Event, aedat2, cifar_record, gesture_labels, nbin, packet, put, put_image

from spikewright.models.formats.cifar import CIFAR10_CLASSES

WNIDS = ("n01443537", "n01629819", "n01641577")
CALTECH = ("Faces_easy", "Leopards", "accordion")


def shaded(label: int, number: int, side: int) -> np.ndarray:
    """An image of a class: a brightness that its label gives, a gradient, and some noise."""
    rng = np.random.default_rng([label, number])
    ramp = np.linspace(0, 60, side)[:, None, None] + np.array([0, 30, 60])
    return np.clip(20 + label * 15 % 120 + ramp + rng.integers(0, 20, (side, side, 3)), 0, 255).astype(np.uint8)


def put_cifar10(folder: Path, each: int = 2) -> Path:
    """`each` images a class in every file."""
    for file, name in enumerate((*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")):
        images = ((label, shaded(label, file * each + k, 32)) for label in range(10) for k in range(each))
        content = b"".join(cifar_record([label], image) for label, image in images)
        put(folder / "cifar-10-batches-bin" / name, content)
    return folder


def put_cifar100(folder: Path, each: int = 2) -> Path:
    """`each` images a class to train with, one to test with."""
    for name, count in (("train.bin", each), ("test.bin", 1)):
        images = ((label, shaded(label, k, 32)) for label in range(100) for k in range(count))
        content = b"".join(cifar_record([label // 5, label], image) for label, image in images)
        put(folder / "cifar-100-binary" / name, content)
    return folder


def put_tiny_imagenet(folder: Path, each: int = 4) -> Path:
    """Three classes of `each` images, and one image of each in val."""
    root = folder / "tiny-imagenet-200"
    put(root / "wnids.txt", "\n".join(WNIDS).encode())
    lines = []
    for label, wnid in enumerate(WNIDS):
        for k in range(each):
            put_image(root / "train" / wnid / "images" / f"{wnid}_{k}.JPEG", shaded(label, k, 64))
        put_image(root / "val" / "images" / f"val_{label}.JPEG", shaded(label, 99, 64))
        lines.append(f"val_{label}.JPEG\t{wnid}\t0\t0\t63\t63\n")
    put(root / "val" / "val_annotations.txt", "".join(lines).encode())
    return folder


def recording(label: int, number: int, height: int, width: int, count: int = 400) -> list[Event]:
    """Events in the order of their time; a class prefers a part of the sensor."""
    rng = np.random.default_rng([label, number])
    x, y = rng.integers(0, width // 2, count) + label * width // 24, rng.integers(0, height, count)
    t, polarity = np.sort(rng.integers(0, 100_000, count)), rng.integers(0, 2, count)
    return list(zip(t.tolist(), x.tolist(), y.tolist(), polarity.tolist(), strict=True))


def put_gesture(folder: Path) -> Path:
    """Two users to train with and one to test with; each makes all eleven gestures, one after the other."""
    root = folder / "DvsGesture"
    for user in range(3):
        events: list[Event] = []
        for label in range(11):
            events += [(label * 100_000 + t, x, y, p) for t, x, y, p in recording(label, user, 128, 128)]
        put(root / f"user0{user}_led.aedat", AEDAT31_HEADER + packet(events))
        rows = [(label + 1, label * 100_000, (label + 1) * 100_000) for label in range(11)]
        put(root / f"user0{user}_led_labels.csv", gesture_labels(rows))
    put(root / "trials_to_train.txt", b"user00_led.aedat\nuser01_led.aedat\n")
    put(root / "trials_to_test.txt", b"user02_led.aedat\n")
    return folder


def put_cifar10_dvs(folder: Path, each: int = 3) -> Path:
    """`each` recordings a class, the last of which is for tests."""
    for label, name in enumerate(CIFAR10_CLASSES):
        for k in range(each):
            put(folder / name / f"cifar10_{name}_{k}.aedat", aedat2(recording(label, k, 128, 128)))
    return folder


def put_n_caltech101(folder: Path, each: int = 4) -> Path:
    """Three classes of `each` recordings, the last of which is for tests."""
    for label, name in enumerate(CALTECH):
        for k in range(each):
            put(folder / "Caltech101" / name / f"image_{k:04}.bin", nbin(recording(label, k, 180, 240)))
    return folder
