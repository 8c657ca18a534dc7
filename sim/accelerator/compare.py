"""Compares what the accelerator did with the golden model: every layer, step, token and channel of every image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spikewright.compiler.trace_map import TraceMap
from spikewright.models.package import Package
from spikewright.sim.accelerator.run import Piece, SimulatedNetwork, classes_of, run_pieces
from spikewright.sim.accelerator.simulator import RunOptions
from spikewright.sim.accelerator.trace import read_values, split_images
from spikewright.sim.accelerator.utilisation import SpikeWork
from spikewright.sim.golden import Trace, run
from spikewright.sim.verilator.run import Built

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


@dataclass(eq=False)
class Comparison:
    """Sums over all images compared so far.

    counters: int64 [descriptors, 3], cycles, issued and skipped pairs.
    """

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
    network: SimulatedNetwork,
    built: Built,
    images: Array,
    options: RunOptions | None = None,
    *,
    progress: Callable[[int], None] = lambda images: None,
) -> Comparison:
    """Run uint8 images [B, H, W, C] through the accelerator and the golden model. Raises ``BenchError`` on a hang."""
    comparison = Comparison(work=SpikeWork(network.package, network.trace_map))
    for piece in run_pieces(network, built, images, options):
        add_piece(comparison, piece, network.package, network.trace_map)
        progress(comparison.images)
    return comparison


def add_piece(
    comparison: Comparison, piece: Piece, package: Package, trace_map: TraceMap, golden: Trace | None = None
) -> None:
    """Compare one piece of a run.

    golden: what the golden model makes of its images, if it is known already.
    """
    golden = golden or run(package, piece.images)
    answers = piece.answers
    assert answers.records is not None
    observed = read_values(trace_map, split_images(answers.records, len(piece.images)))
    for name, kind in expected_layers(package):
        expected = _golden(golden, name, kind, trace_map)
        got = (answers.scores if kind == "scores" else observed[name]).reshape(expected.shape)
        _add_layer(comparison, piece.first, name, expected, got)
    shift = trace_map.score_shift
    comparison.golden += golden.classes.tolist()
    comparison.rtl += classes_of(answers.scores >> shift).tolist()
    total = answers.counters.sum(axis=0)
    comparison.counters = total if not comparison.images else comparison.counters + total
    comparison.seconds += answers.seconds
    if comparison.work is not None:
        comparison.work.add(golden, piece.images)
    comparison.images += len(piece.images)


def expected_layers(package: Package) -> list[tuple[str, str]]:
    """Everything that is compared, in the order of execution: (name, "values" | "kept" | "scores")."""
    layers = []
    for op in package.network.ops:
        if op.kind == "select":
            layers.append((f"{op.name}.kept", "kept"))
        layers.append((op.name, "scores" if op.kind == "head" else "values"))
    return layers


def _golden(golden: Trace, name: str, kind: str, trace_map: TraceMap) -> Array:
    """[B, T, N, C], 1 where an axis means nothing."""
    if kind == "scores":
        return np.asarray(golden.scores.numpy() << trace_map.score_shift)[:, None, None, :]
    if kind == "kept":
        return golden.kept[name.removesuffix(".kept")].numpy()[:, None, :, None]
    return golden.values[name].numpy()


def _add_layer(comparison: Comparison, first: int, name: str, expected: Array, got: Array) -> None:
    comparison.values += expected.size
    different = expected != got
    count = int(np.count_nonzero(different))
    if not count:
        return
    comparison.mismatches += count
    comparison.layers[name] = comparison.layers.get(name, 0) + count
    image, step, token, channel = (int(i[0]) for i in np.nonzero(different))
    # the earliest image, and within it the earliest layer: layers come in the order of execution
    if comparison.first is None or first + image < comparison.first.image:
        values = (int(array[image, step, token, channel]) for array in (expected, got))
        comparison.first = Mismatch(first + image, name, step, token, channel, *values)
