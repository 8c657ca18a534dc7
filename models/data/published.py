"""Published sets whose files a user brings: the reader of each, its archive's folder, and the usual augmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spikewright.models.formats.cifar import read_cifar10, read_cifar100
from spikewright.models.formats.dvs_sets import EventSet, cifar10_dvs, dvs128_gesture, n_caltech101, n_mnist
from spikewright.models.formats.labelled import Labelled
from spikewright.models.formats.tiny_imagenet import read_tiny_imagenet


@dataclass(frozen=True)
class Pictures:
    """A set of colour images.

    read: train and test of a folder; archive: the folder that the archive unpacks to; flip, shift: what training on the
    set usually does (``spikewright.models.data.augment``).
    """

    read: Callable[[str], tuple[Labelled, Labelled]]
    archive: str
    flip: bool = True
    shift: int = 4


@dataclass(frozen=True)
class Recordings:
    """A set of an event camera's recordings.

    read: what is in a folder; sensor: its rows and columns; archive, flip, shift: as of ``Pictures``.
    """

    read: Callable[[str], EventSet]
    sensor: tuple[int, int]
    archive: str | None = None
    flip: bool = False
    shift: int = 0


#: Left and right are classes of DVS128 Gesture, and a digit has no mirror image: these two are never flipped.
PUBLISHED: dict[str, Pictures | Recordings] = {
    "cifar10": Pictures(read_cifar10, "cifar-10-batches-bin"),
    "cifar100": Pictures(read_cifar100, "cifar-100-binary"),
    "tiny-imagenet": Pictures(read_tiny_imagenet, "tiny-imagenet-200"),
    "dvs128-gesture": Recordings(dvs128_gesture, (128, 128), "DvsGesture"),
    "cifar10-dvs": Recordings(cifar10_dvs, (128, 128), flip=True),
    "n-caltech101": Recordings(n_caltech101, (180, 240), "Caltech101", flip=True),
    "n-mnist": Recordings(n_mnist, (34, 34)),
}
