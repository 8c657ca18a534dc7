"""What a network computes and stores, as counts: the shapes that every figure of cost is made of.

A ``Layer`` is one op with weights (or attention) as training, compiler and reports all know it; a ``Copy`` is
what the mover or the loader does between them. Figures: dense multiply-accumulates (the papers' GFLOPs), stored bits
(``spikewright.cost.rom``), cycles (``spikewright.cost.latency``), energy (``spikewright.cost.energy``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from spikewright.cost.cycles import lif_cycles
from spikewright.cost.geometry import Lies, PoolFunction, Windows
from spikewright.cost.shape import Shape

#: hidden, score: of a token selector; shortcut: a matrix whose sums join those of the convolution before it.
LayerKind = Literal["conv", "linear", "attention", "hidden", "score", "head", "shortcut"]
CopyKind = Literal["load", "halo", "windows", "compact", "lay", "pass"]
Scheme = Literal["uniform", "pot"]


@dataclass(frozen=True)
class Walk:
    """How often the engine walks a layer's lists, and what it does with a finished sum.

    slots: token slots in use; tile: positions (rows, columns) that a slot holds; steps: time steps that the lanes see;
    still: it reads the image, the same at every step; everywhere: it reads the image, which every bank holds whole;
    mixed: some layer joins that with another value; halo: the input has a border of one position; out_planes: planes
    written; captured: planes of the residual stream read for each output, or of the value that a shortcut joins; shift:
    of a selector's hidden sums; pace: cycles of a step in the LIF array.
    """

    slots: int = 1
    tile: tuple[int, int] = (1, 1)
    steps: int = 1
    still: bool = False
    everywhere: bool = False
    mixed: bool = False
    halo: bool = False
    out_planes: int = 1
    captured: int = 0
    shift: int = 0
    pace: int = 1

    def folded(self, shape: Shape) -> bool:
        """Whether the step lanes hold positions of a still image instead of equal steps."""
        return self.still and not self.mixed and self.tile[1] % shape.steps == 0

    def fold_groups(self, shape: Shape) -> int:
        """Step groups replayed from one folded sum; 0 without."""
        return shape.groups(self.steps) if self.folded(shape) else 0

    def lif_cycles(self, shape: Shape) -> int:
        """Cycles that a sum is in the LIF array."""
        return lif_cycles(shape.steps, pace=self.pace, fold_groups=self.fold_groups(shape), shift=self.shift)

    def width(self, shape: Shape) -> int:
        """Columns of words that a slot's tile takes."""
        return self.tile[1] // (shape.steps if self.folded(shape) else 1)

    def repeats(self, shape: Shape) -> int:
        """Places of the loop nest: how often an output's lists are walked for an image."""
        groups = 1 if self.folded(shape) else shape.groups(self.steps)
        return self.tile[0] * self.width(shape) * shape.tiles(self.slots) * groups

    @property
    def positions(self) -> int:
        """Positions or tokens in use."""
        return self.slots * self.tile[0] * self.tile[1]


@dataclass(frozen=True)
class Layer:
    """One op.

    inputs, outputs: channels; taps: weights between an input and an output channel (9 for a 3×3 convolution); places:
    output positions or tokens; steps: how often the papers compute it for an image, T, or 1 where the steps are summed
    first; planes: bits of its input; spikes: the input is 0 or 1; weights: of the dense matrix; kept: not zero; scheme,
    bits: of a weight code (32: not quantised); parameter_bits: of the widest bias or threshold on the engine's grid (0:
    not known). heads: of attention, whose ``inputs`` are q's channels, ``outputs`` v's. joined: entries of a shortcut
    in its lists; gains: those of them that are digits of gains, no matrix, with codes of ``gain_bits``. walk: the
    engine's way, which may differ from the papers'.
    """

    name: str
    kind: LayerKind
    inputs: int
    outputs: int
    places: int
    steps: int
    taps: int = 1
    planes: int = 1
    spikes: bool = True
    weights: int = 0
    kept: int = 0
    scheme: Scheme = "uniform"
    bits: int = 32
    parameter_bits: int = 0
    heads: int = 1
    joined: int = 0
    gains: int = 0
    gain_bits: int = 0
    walk: Walk = Walk()

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of an image: weight sparsity excluded, attention included."""
        if self.kind == "attention":
            # the papers' order, (q·kᵀ)·v, whatever the hardware does
            return self.steps * self.places * self.places * (self.inputs + self.outputs)
        return self.steps * self.places * self.inputs * self.outputs * self.taps

    @property
    def share(self) -> float:
        """Kept weights of all; 1 for attention."""
        return self.kept / self.weights if self.weights else 1.0


@dataclass(frozen=True)
class Copy:
    """Words that are moved, not computed, to make value ``name``.

    load: pixels into spike memory; halo: the border of a tile; windows: the OR over windows, or their sums, whose words
    ``windows`` makes, of a pool ``pool``; compact: tokens that a selector keeps, with their ranking; lay: as a reader
    needs it, by token, by head or in tiles; pass: spikes that go through the lanes unchanged, to be added to a stream
    or to lie by head. channels, planes, slots, tile, steps: of the value, as in ``Walk``; come, go: how the positions
    that it is made of lie, and its own; heads: by which its channels lie; keep, score_bits: of a selector, scores on
    the engine's grid.
    """

    name: str
    kind: CopyKind
    channels: int
    planes: int
    go: Lies
    walk: Walk
    come: Lies
    keep: int = 0
    score_bits: int = 0
    windows: Windows | None = None
    pool: PoolFunction | None = None
    heads: int = 1


def dense_macs(layers: Iterable[Layer]) -> int:
    """Dense multiply-accumulates of an image, all layers."""
    return sum(layer.macs for layer in layers)
