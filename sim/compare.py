"""Compares what the accelerator did with the golden model: every layer, step, token and channel of every image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikewright.models.package import Package
from spikewright.sim.golden import Trace, run
from spikewright.sim.layout import Layout
from spikewright.sim.run import Piece, Target, classes_of, run_pieces
from spikewright.sim.trace import read_values, split_images
from spikewright.sim.utilisation import SpikeWork
from spikewright.sim.verilator import Built

Array = np.ndarray


@dataclass(frozen=True)
class Mismatch:
    """One value that differs. For class scores the channel is the class; for a selector's ``.kept`` the token is the
    place in the list of kept tokens."""

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


@dataclass
class Comparison:
    """Sums over all images compared so far. counters: int64 [descriptors, 3], cycles, issued and skipped pairs."""

    images: int = 0
    values: int = 0
    mismatches: int = 0
    layers: dict[str, int] = field(default_factory=dict)  # mismatches by layer, where there are any
    first: Mismatch | None = None
    golden: list[int] = field(default_factory=list)  # class of each image
    rtl: list[int] = field(default_factory=list)
    counters: Array = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    seconds: float = 0.0
    work: SpikeWork | None = None

    @property
    def bit_exact(self) -> bool:
        return self.images > 0 and self.mismatches == 0


def compare(
    target: Target,
    built: Built,
    images: Array,
    *,
    progress: Callable[[int], None] = lambda images: None,
    **options: Any,
) -> Comparison:
    """Run uint8 images [B, H, W, C] through the accelerator and the golden model. Raises ``BenchError`` on a hang."""
    found = Comparison(work=SpikeWork(target.package, target.layout))
    for piece in run_pieces(target, built, images, **options):
        add_piece(found, piece, target.package, target.layout)
        progress(found.images)
    return found


def add_piece(found: Comparison, piece: Piece, package: Package, layout: Layout, golden: Trace | None = None) -> None:
    """Compare one piece of a run. golden: what the golden model makes of its images, if it is known already."""
    golden = golden or run(package, piece.images)
    answers = piece.answers
    assert answers.records is not None
    observed = read_values(layout, split_images(answers.records, len(piece.images)))
    for name, kind in expected_layers(package):
        expected = _golden(golden, name, kind, layout)
        got = (answers.scores if kind == "scores" else observed[name]).reshape(expected.shape)
        _add_layer(found, piece.first, name, expected, got)
    shift = layout.score_shift
    found.golden += golden.classes.tolist()
    found.rtl += classes_of(answers.scores >> shift).tolist()
    total = answers.counters.sum(axis=0)
    found.counters = total if not found.images else found.counters + total
    found.seconds += answers.seconds
    if found.work is not None:
        found.work.add(golden, piece.images)
    found.images += len(piece.images)


def expected_layers(package: Package) -> list[tuple[str, str]]:
    """Everything that is compared, in the order of execution: (name, "values" | "kept" | "scores")."""
    found = []
    for op in package.network.ops:
        if op.kind == "select":
            found.append((f"{op.name}.kept", "kept"))
        found.append((op.name, "scores" if op.kind == "head" else "values"))
    return found


def _golden(golden: Trace, name: str, kind: str, layout: Layout) -> Array:
    """[B, T, N, C], 1 where an axis means nothing."""
    if kind == "scores":
        return np.asarray(golden.scores.numpy() << layout.score_shift)[:, None, None, :]
    if kind == "kept":
        return golden.kept[name.removesuffix(".kept")].numpy()[:, None, :, None]
    return golden.values[name].numpy()


def _add_layer(found: Comparison, first: int, name: str, expected: Array, got: Array) -> None:
    found.values += expected.size
    different = expected != got
    count = int(np.count_nonzero(different))
    if not count:
        return
    found.mismatches += count
    found.layers[name] = found.layers.get(name, 0) + count
    image, step, token, channel = (int(i[0]) for i in np.nonzero(different))
    # the earliest image, and within it the earliest layer: layers come in the order of execution
    if found.first is None or first + image < found.first.image:
        values = (int(array[image, step, token, channel]) for array in (expected, got))
        found.first = Mismatch(first + image, name, step, token, channel, *values)
