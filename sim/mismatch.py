"""Where something that ran a network differs from the golden model: layer, step, token, channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.models.package import AttentionOp, ConvOp, LinearOp, Package
from spikewright.sim.golden import Trace

Array = np.ndarray


@dataclass(frozen=True)
class Mismatch:
    """One value that differs.

    channel: for class scores the class; token: for a selector's ``.kept`` the place in the list of kept tokens.
    """

    image: int
    layer: str
    step: int
    token: int
    channel: int
    expected: int
    got: int

    def __str__(self) -> str:
        return (
            f"image {self.image}, layer {self.layer}, step {self.step}, token {self.token}, channel {self.channel}: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True, eq=False)
class LayerDifference:
    """A layer of some images: int [B, T, N, C], 1 where an axis means nothing."""

    layer: str
    expected: Array
    got: Array

    @property
    def count(self) -> int:
        """Values that differ."""
        return int(np.count_nonzero(self.expected != self.got))

    def first(self, first_image: int = 0) -> Mismatch:
        """The first value that differs; first_image: number of the first image."""
        image, step, token, channel = (int(i[0]) for i in np.nonzero(self.expected != self.got))
        expected, got = (int(array[image, step, token, channel]) for array in (self.expected, self.got))
        return Mismatch(first_image + image, self.layer, step, token, channel, expected, got)


def expected_layers(package: Package) -> list[tuple[str, str]]:
    """Everything that is compared, in the order of execution: (name, "values" | "kept" | "scores")."""
    layers = []
    for op in package.network.ops:
        if op.kind == "select":
            layers.append((f"{op.name}.kept", "kept"))
        layers.append((op.name, "scores" if op.kind == "head" else "values"))
    return layers


def silent_layers(package: Package, golden: Trace) -> tuple[str, ...]:
    """Layers with neurons of which none ever fired."""
    neurons = [op.name for op in package.network.ops if isinstance(op, ConvOp | LinearOp | AttentionOp)]
    return tuple(name for name in neurons if not golden.values[name].any())


def layers(
    package: Package, golden: Trace, values: Mapping[str, Array], scores: Array, score_shift: int
) -> Iterator[LayerDifference]:
    """Every layer of the golden model beside what something else made of it, in the order of execution.

    values: int [B, T, N, C] by op, and ``SELECTOR.kept`` [B, keep]; scores: [B, classes], the package's shifted left by
    ``score_shift``.
    """
    for name, kind in expected_layers(package):
        if kind == "scores":
            expected, got = np.asarray(golden.scores.numpy() << score_shift)[:, None, None, :], scores
        elif kind == "kept":
            expected, got = golden.kept[name.removesuffix(".kept")].numpy()[:, None, :, None], values[name]
        else:
            expected, got = golden.values[name].numpy(), values[name]
        yield LayerDifference(name, expected, got.reshape(expected.shape))
