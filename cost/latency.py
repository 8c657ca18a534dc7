"""Cycles of an image on an engine of some shape: descriptor by descriptor, in the compiler's order.

Exact with skipping off where the lists' lengths are given (``spikewright.cost.rom.Lists``, from a program); only what
a descriptor waits for its own words behind a very short one (``gather_cycles``) is left out, since it depends on the
structure. Before masks and placement are final they are estimated from the density
(``spikewright.cost.estimate.sum_cycles``).
"""

from __future__ import annotations

from collections.abc import Mapping

from spikewright.cost.cycles import (
    LEAST_CHANNELS,
    compaction_taps,
    heads_together,
    hidden_gap,
    hidden_tail,
    load_cycles,
    mac_overhead,
    mac_walk,
    move_cycles,
    product_cycles,
    score_gap,
    score_tail,
    select_cycles,
    spike_gap,
    spike_tail,
)
from spikewright.cost.estimate import sum_cycles
from spikewright.cost.geometry import Grid, halo, longest
from spikewright.cost.rom import Lists
from spikewright.cost.routing import IMAGE
from spikewright.cost.shape import Shape
from spikewright.cost.work import Copy, Layer
from spikewright.cost.workload import Workload


def descriptor_cycles(work: Workload, shape: Shape, lists: Mapping[str, Lists] | None = None) -> list[tuple[str, int]]:
    """Layer or value, and cycles, of every descriptor.

    lists: by layer name; estimated where there are none.
    """
    descriptors: list[tuple[str, int]] = []
    for item in work.items:
        if isinstance(item, Copy):
            descriptors += [(item.name, count) for count in copy_cycles(item, shape, (lists or {}).get(item.name))]
        else:
            descriptors += [(item.name, count) for count in layer_cycles(item, shape, (lists or {}).get(item.name))]
    return descriptors


def layer_cycles(layer: Layer, shape: Shape, lists: Lists | None = None) -> list[int]:
    """Cycles of each descriptor of a layer: one, or two for each group of heads of attention.

    They do not depend on scheme and bits: any code takes one cycle for each plane of its input.
    """
    walk, steps = layer.walk, shape.steps
    if layer.kind == "attention":
        return _attention(layer, shape)
    repeats, rows = walk.repeats(shape), -(-layer.outputs // shape.streams)
    if layer.kind == "shortcut":  # entries of the convolution's lists: no sum and no descriptor of its own
        return [round(rows * sum_cycles(layer, shape, 0) * repeats)]
    if layer.kind == "hidden":
        gap, tail = hidden_gap(steps, walk.shift), hidden_tail(steps, walk.shift)
    elif layer.kind in ("score", "head"):
        gap, tail = score_gap(steps, shape.tokens), score_tail(steps, shape.tokens)
    else:
        fold_groups = walk.fold_groups(shape)
        gap = spike_gap(steps, fold_groups=fold_groups, planes=walk.out_planes)
        tail = spike_tail(steps, fold_groups=fold_groups, planes=walk.out_planes)
    overhead = mac_overhead(banks=shape.banks, skip=shape.skip, tail=tail)
    if lists is not None:
        return [mac_walk(lists.busiest(layer.planes, walk.captured), repeats, gap) + overhead]
    return [round(rows * sum_cycles(layer, shape, gap) * repeats) + overhead]


def _attention(layer: Layer, shape: Shape) -> list[int]:
    walk, heads = layer.walk, layer.heads
    groups, rows = shape.groups(walk.steps), shape.bank_rows(layer.inputs // heads)
    size = layer.outputs // heads
    together = heads_together(heads, groups=groups, rows=rows, channels=size)
    gap, tail = spike_gap(shape.steps), spike_tail(shape.steps)
    counts = []
    for first in range(0, heads, together):
        count = min(together, heads - first)
        product = product_cycles(
            heads=count, groups=groups, rows=rows, tiles=shape.tiles(walk.slots),
            channels=max(size, LEAST_CHANNELS),
        )  # fmt: skip
        outputs = count * -(-size // shape.streams)
        gate = mac_walk([rows] * outputs, walk.repeats(shape), gap)
        counts += [product, gate + mac_overhead(banks=shape.banks, skip=shape.skip, tail=tail)]
    return counts


def copy_cycles(copy: Copy, shape: Shape, lists: Lists | None = None) -> list[int]:
    """Cycles of each descriptor of a copy: one, or the ranking and the compaction of a selector."""
    walk, grid = copy.walk, copy.grid
    if copy.kind == "pass":
        gap = spike_gap(shape.steps, planes=walk.out_planes)
        # by estimate, the word and the stream's lie in one bank
        rows = -(-copy.channels // shape.streams)
        pairs = [1 + walk.captured] * rows if lists is None else lists.busiest(1, walk.captured)
        tail = spike_tail(shape.steps, planes=walk.out_planes)
        return [mac_walk(pairs, walk.repeats(shape), gap) + mac_overhead(banks=shape.banks, skip=shape.skip, tail=tail)]
    # the image lies in every bank
    rows = copy.channels if copy.name == IMAGE else shape.bank_rows(copy.channels, copy.heads)
    tiles, groups = shape.tiles(walk.slots), 1 if walk.still else shape.groups(walk.steps)
    tile = (walk.tile[0], walk.width(shape))
    if copy.kind == "load":
        slots = shape.tokens if walk.still and not walk.folded(shape) else shape.lanes
        words = rows * tile[0] * tile[1] * tiles * groups
        return [load_cycles(words=words, slots=slots, planes=copy.planes)]
    if copy.kind == "compact":
        taps = compaction_taps(slots=shape.tokens, keep=copy.keep, tokens=walk.slots)
        targets = shape.tiles(copy.keep)
        entries = targets * taps
        select = select_cycles(tokens=walk.slots, score_bits=copy.score_bits, entries=entries)
        move = move_cycles(rows=rows, tiles=1, groups=groups, words=targets, planes=copy.planes, taps=taps)
        return [select, move]
    if copy.kind == "by head":
        return [move_cycles(rows=rows, tiles=tiles, groups=groups, words=1, planes=1, taps=1)]
    unit = 1 if walk.folded(shape) else shape.steps
    cells = Grid(grid[0], grid[1] * (shape.steps // unit), unit, shape.lanes)
    words_of = halo(tile) if copy.windows is None else copy.windows(copy.source_tile, tile)
    return [
        move_cycles(
            rows=rows, tiles=tiles, groups=groups, words=len(words_of), taps=longest(words_of, cells),
            planes=copy.planes,
        )
    ]  # fmt: skip
