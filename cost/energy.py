"""Energy of an image by two models: the papers' constants, and one of this engine that sees bit widths.

(a) 45 nm, 32-bit float (Horowitz, ISSCC 2014): 4.6 pJ a multiply-accumulate, 0.9 pJ an addition. A layer counts as
additions only where its inputs are 0 or 1; other inputs are multiplied where they are not 0.
(b) By bits, from the same source: an integer addition costs 0.1 pJ at 32 bits and 0.03 pJ at 8, so 0.1/32 pJ a bit; an
access to an SRAM of 8 KiB 10 pJ for 64 bits, so 10/64 pJ a bit (weight ROM, spike memory, product memory).

(b) counts what the engine does with skipping off. A list entry is read once for a word, that is for P tokens, S steps
and all planes of a position (``spikewright.cost.work.Walk.repeats``); a spike word once for each entry and plane
that meets it; counts and neuron parameters once for an output. Membranes are in no memory: they stay in the registers
of the LIF array from step group to step group. Additions count where a plane's bit is 1; what a shortcut joins by a
gain is taken to be as active as the layer's input. Control, wires, clock and what a device loses at rest do not count:
it compares networks on one engine and is no figure of power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikewright.cost.estimate import estimate_widths, neuron_rows
from spikewright.cost.rom import Widths
from spikewright.cost.shape import Shape, bits_for
from spikewright.cost.widths import adder_bits
from spikewright.cost.work import Layer

MAC_PJ, AC_PJ = 4.6, 0.9
ADD_PJ_A_BIT = 0.1 / 32
ACCESS_PJ_A_BIT = 10 / 64


@dataclass(frozen=True)
class Activity:
    """How active a layer's input is: means over images, steps, places and channels.

    planes: share of ones of each bit-plane, lowest first; of attention, of query, key and value. active: share of
    inputs that are not 0.
    """

    planes: tuple[float, ...]
    active: float

    @staticmethod
    def even(layer: Layer, rate: float) -> Activity:
        """Every plane alike, and independent of the others."""
        count = 3 if layer.kind == "attention" else layer.planes
        return Activity((rate,) * count, 1 - (1 - rate) ** (1 if layer.spikes else count))


@dataclass(frozen=True)
class Energy:
    """Picojoules of an image: model (a), and the parts of model (b)."""

    float_pj: float
    add_pj: float
    weight_pj: float  # reads of weight, count and neuron ROMs, and of product memory
    spike_pj: float  # reads and writes of spike memory

    @property
    def bits_pj(self) -> float:
        """Model (b)."""
        return self.add_pj + self.weight_pj + self.spike_pj


def operations(layer: Layer, activity: Activity) -> float:
    """Synaptic operations of an image as the papers count: kept weights × places × steps × share of active inputs."""
    if layer.kind == "attention":
        query, _, value = activity.planes
        return layer.steps * layer.places**2 * (layer.inputs * query + layer.outputs * value)
    return layer.macs * layer.share * activity.active


def layer_energy(
    layer: Layer, activity: Activity | float, shape: Shape | None = None, widths: Widths | None = None
) -> Energy:
    """Energy of one layer.

    activity: of its input, as measured (``compress/networks/activity.py``), or one share of ones for
    all planes; widths: of the ROMs' fields, those the layer alone needs where not given.
    """
    shape = shape or Shape()
    widths = widths or estimate_widths([layer], shape)
    if not isinstance(activity, Activity):
        activity = Activity.even(layer, activity)
    parts = _attention(layer, activity, shape) if layer.kind == "attention" else _sums(layer, activity, shape, widths)
    adds, rom, spikes = (a + b for a, b in zip(parts, _neurons(layer, shape, widths), strict=True))
    floating = operations(layer, activity) * (AC_PJ if layer.spikes else MAC_PJ)
    return Energy(floating, adds * ADD_PJ_A_BIT, rom * ACCESS_PJ_A_BIT, spikes * ACCESS_PJ_A_BIT)


def total_energy(
    layers: Sequence[Layer], activities: Mapping[str, Activity | float], shape: Shape | None = None
) -> Energy:
    """Energy of a network; activities by layer name."""
    shape = shape or Shape()
    widths = estimate_widths(layers, shape)
    parts = [layer_energy(layer, activities[layer.name], shape, widths) for layer in layers]
    return Energy(
        sum(p.float_pj for p in parts), sum(p.add_pj for p in parts),
        sum(p.weight_pj for p in parts), sum(p.spike_pj for p in parts),
    )  # fmt: skip


Bits = tuple[float, float, float]  #: added; read from ROMs and products; read from and written to spike memory


def _sums(layer: Layer, activity: Activity, shape: Shape, widths: Widths) -> Bits:
    walk, repeats = layer.walk, layer.walk.repeats(shape)
    steps = 1 if walk.folded(shape) else walk.steps
    rate = sum(activity.planes) / len(activity.planes)
    adds = (layer.kept * sum(activity.planes) + layer.gains * walk.captured * rate) * walk.positions * steps
    # the entries of a shortcut's matrix are a layer of their own
    captures = layer.gains if layer.joined else layer.outputs
    words = (layer.kept * layer.planes + captures * walk.captured) * repeats
    counts = -(-layer.outputs // shape.streams) * shape.walkers * widths.count
    read = (layer.kept + layer.gains) * repeats * widths.entry + counts
    return adds * adder_bits(layer), read, words * shape.lanes


def _neurons(layer: Layer, shape: Shape, widths: Widths) -> Bits:
    """Membranes take in a sum and are compared; spikes are written, of a selector's hidden values all planes once."""
    walk = layer.walk
    if layer.kind == "shortcut":
        return 0.0, 0.0, 0.0
    spiking = layer.kind in ("conv", "linear", "attention")
    updates = layer.outputs * walk.positions * walk.steps * (2 if spiking else 1)
    words = layer.outputs * walk.out_planes * walk.tile[0] * walk.tile[1] * shape.tiles(walk.slots)
    written = words * shape.groups(walk.steps) if spiking else words if layer.kind == "hidden" else 0
    parameters = neuron_rows(layer, shape) * shape.streams * widths.neuron
    return updates * adder_bits(layer), parameters, written * shape.lanes


def _attention(layer: Layer, activity: Activity, shape: Shape) -> Bits:
    """K^T V by AND and popcount, kept with one element a step in product memory; then query words gate it."""
    walk, heads = layer.walk, layer.heads
    query, key, value = activity.planes
    keys, values = layer.inputs // heads, layer.outputs // heads
    elements, width = heads * keys * values, bits_for(layer.places)
    adds = elements * layer.places * walk.steps * (key * value * width + query * adder_bits(layer))
    repeats = walk.repeats(shape)
    products = elements * (repeats + shape.groups(walk.steps)) * shape.steps * width
    words = (heads * (keys + shape.bank_rows(keys) * values) + elements) * repeats
    return adds, products, words * shape.lanes
