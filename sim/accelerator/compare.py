"""Compares what the accelerator did with the golden model: every layer, step, token and channel of every image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from spikewright.compiler.trace_map import TraceMap
from spikewright.models.package import Package
from spikewright.sim.accelerator.run import Piece, SimulatedNetwork, classes_of, run_pieces
from spikewright.sim.accelerator.simulator import RunOptions
from spikewright.sim.accelerator.trace import read_values, split_images
from spikewright.sim.accelerator.utilisation import SpikeWork
from spikewright.sim.golden import Trace, run
from spikewright.sim.mismatch import LayerDifference, Mismatch, layers, silent_layers
from spikewright.sim.verilator.run import Built

Array = np.ndarray
#: Is given the comparison so far, a piece, what the golden model made of it, and what was observed of it.
Observer = Callable[["Comparison", Piece, Trace, Mapping[str, Array]], None]


@dataclass(eq=False)
class Comparison:
    """Sums over all images compared so far.

    counters: int64 [descriptors, 3], cycles, issued and skipped pairs; silent: layers that have not fired yet, of which
    equality shows nothing.
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
    silent: tuple[str, ...] | None = None

    @property
    def bit_exact(self) -> bool:
        return self.images > 0 and self.mismatches == 0


def compare(
    network: SimulatedNetwork,
    built: Built,
    images: Array,
    options: RunOptions | None = None,
    *,
    progress: Callable[[int], None] = lambda cycles: None,
    observe: Observer | None = None,
) -> Comparison:
    """Run uint8 images [B, H, W, C], or frames, through the accelerator and the golden model.

    progress: as of ``run_pieces``, which also says what is raised; observe: is called after each piece.
    """
    comparison = Comparison(work=SpikeWork(network.package, network.trace_map))
    for piece in run_pieces(network, built, images, options, progress=progress):
        add_piece(comparison, piece, network.package, network.trace_map, observe=observe)
    return comparison


def add_piece(
    comparison: Comparison,
    piece: Piece,
    package: Package,
    trace_map: TraceMap,
    golden: Trace | None = None,
    *,
    observe: Observer | None = None,
) -> None:
    """Compare one piece of a run.

    golden: what the golden model makes of its images, if it is known already; observe: is called at the end.
    """
    golden = golden or run(package, piece.images)
    answers = piece.answers
    assert answers.records is not None
    observed = read_values(trace_map, split_images(answers.records, len(piece.images)))
    for layer in layers(package, golden, observed, answers.scores, trace_map.score_shift):
        _add_layer(comparison, piece.first, layer)
    shift = trace_map.score_shift
    comparison.golden += golden.classes.tolist()
    comparison.rtl += classes_of(answers.scores >> shift).tolist()
    total = answers.counters.sum(axis=0)
    comparison.counters = total if not comparison.images else comparison.counters + total
    comparison.seconds += answers.seconds
    if comparison.work is not None:
        comparison.work.add(golden, piece.images)
    never = silent_layers(package, golden)
    comparison.silent = tuple(name for name in never if comparison.silent is None or name in comparison.silent)
    comparison.images += len(piece.images)
    if observe is not None:
        observe(comparison, piece, golden, observed)


def _add_layer(comparison: Comparison, first: int, layer: LayerDifference) -> None:
    comparison.values += layer.expected.size
    if not layer.count:
        return
    comparison.mismatches += layer.count
    comparison.layers[layer.layer] = comparison.layers.get(layer.layer, 0) + layer.count
    mismatch = layer.first(first)
    # the earliest image, and within it the earliest layer: layers come in the order of execution
    if comparison.first is None or mismatch.image < comparison.first.image:
        comparison.first = mismatch
