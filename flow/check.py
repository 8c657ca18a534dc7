"""The check before a BUILD is written: images through the program interpreter, compared with the golden model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewright.compiler.program import Program
from spikewright.models.package import Package
from spikewright.sim.program.check import additions, check_program

Array = np.ndarray
#: Gated additions from which one image is enough: more take over ten seconds on two cores.
MANY = 20_000_000_000


@dataclass(frozen=True)
class CheckReport:
    """What the check has shown.

    images, values: compared, all equal; source: where the images are from; silent: layers that never fired on them, of
    which nothing is shown.
    """

    images: int
    values: int
    source: str
    silent: tuple[str, ...]

    def sentence(self) -> str:
        """For people."""
        images = f"{self.images} image{'s' if self.images > 1 else ''}"
        text = f"checked on {images} ({self.source}): {self.values} values of the program as they must be"
        if self.silent:
            text += f"; not shown, because they never fired: {', '.join(self.silent)}"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "images": self.images,
            "values": self.values,
            "source": self.source,
            "silent": list(self.silent),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> CheckReport:
        """From what ``to_dict`` gave, through JSON."""
        return CheckReport(**{**data, "silent": tuple(data["silent"])})


def check(program: Program, package: Package, images: Array | None = None) -> CheckReport:
    """Compare a program with the golden model; ProgramFault where a value differs.

    images: uint8 [B, H, W, C] or frames [B, T, H, W, C] of the user's; else a test image of the package's data set if
    it is at hand, noise, black and white, or the first of these alone where an image costs much.
    """
    source = "the user's"
    if images is None:
        images, sources = usual_images(package)
        if additions(program) > MANY:
            images, sources = images[:1], sources[:1]
        source = ", ".join(sources)
    checked = check_program(program, package, images)
    return CheckReport(checked.images, checked.values, source, checked.silent)


def usual_images(package: Package) -> tuple[Array, list[str]]:
    """Four images and what each is."""
    shape = package.network.image_shape
    first, second = np.random.default_rng(0).integers(256, size=(2, *shape), dtype=np.uint8)
    plain = [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)]
    test = _test_image(package.network.data, shape)
    if test is None:
        return np.stack([first, second, *plain]), ["noise", "more noise", "black", "white"]
    return np.stack([test, first, *plain]), [f"a test image of {package.network.data}", "noise", "black", "white"]


def _test_image(name: str | None, shape: tuple[int, ...]) -> Array | None:
    from spikewright.models.data import DataError, load  # only here: scikit-learn takes a second

    if name is None:
        return None
    try:
        images = load(name).test.images
    except DataError:
        return None
    return images[0] if len(images) and images.shape[1:] == shape else None
