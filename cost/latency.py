"""Cycles of an image on an engine of some shape: descriptor by descriptor, in the compiler's order.

Exact with skipping off where the lists' lengths are given (``spikewright.cost.rom.Lists``, from a program); only what
a descriptor waits for its own words behind a very short one (``gather_cycles``) is left out, since it depends on the
structure. Before masks and placement are final they are estimated from the density
(``spikewright.cost.estimate.sum_cycles``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spikewright.cost.cells import Cells, in_full_words, on_the_smallest
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
from spikewright.cost.description import Description
from spikewright.cost.estimate import sum_cycles
from spikewright.cost.geometry import Grid, gather, halo, longest
from spikewright.cost.rom import Lists
from spikewright.cost.routing import IMAGE
from spikewright.cost.shape import Shape
from spikewright.cost.work import Copy, Layer
from spikewright.cost.workload import Workload, workload


def best_on(description: Description, shape: Shape) -> tuple[Cells, Workload]:
    """The cells of every grid of a network on an engine of some shape, by estimated cycles; its workload there."""
    grids = [value.grid for value in description.values.values() if value.grid is not None]
    usual, full = on_the_smallest(grids), in_full_words(grids, shape.tokens)
    work = workload(description, usual)
    if dict(full) == dict(usual):
        return usual, work
    other = workload(description, full)
    faster = _all_cycles(_descriptors(other, shape)) < _all_cycles(_descriptors(work, shape))
    return (full, other) if faster else (usual, work)


def descriptor_cycles(work: Workload, shape: Shape, lists: Mapping[str, Lists] | None = None) -> list[tuple[str, int]]:
    """Layer or value, and cycles, of every descriptor.

    lists: by layer name; estimated where there are none.
    """
    return _descriptors(best_on(work.description, shape)[1], shape, lists or {})


def _descriptors(
    work: Workload, shape: Shape, lists: Mapping[str, Lists] = MappingProxyType({})
) -> list[tuple[str, int]]:
    descriptors: list[tuple[str, int]] = []
    for item in work.items:
        own = lists.get(item.name)
        counts = copy_cycles(item, shape, own) if isinstance(item, Copy) else layer_cycles(item, shape, own)
        descriptors += [(item.name, count) for count in counts]
    return descriptors


def _all_cycles(descriptors: list[tuple[str, int]]) -> int:
    return sum(count for _, count in descriptors)


def layer_cycles(layer: Layer, shape: Shape, lists: Lists | None = None) -> list[int]:
    """Cycles of each descriptor of a layer: one, or two for each group of heads of attention.

    They do not depend on scheme and bits: any code takes one cycle for each plane of its input.
    """
    walk, lif = layer.walk, layer.walk.lif_cycles(shape)
    if layer.kind == "attention":
        return _attention(layer, shape)
    repeats, rows = walk.repeats(shape), -(-layer.outputs // shape.streams)
    if layer.kind == "shortcut":  # entries of the convolution's lists: no descriptor of its own
        return []
    if layer.kind == "hidden":
        gap, tail = hidden_gap(lif), hidden_tail(lif)
    elif layer.kind in ("score", "head"):
        gap, tail = score_gap(lif, shape.tokens), score_tail(lif, shape.tokens)
    else:
        gap, tail = spike_gap(lif, planes=walk.out_planes), spike_tail(lif, planes=walk.out_planes)
    overhead = mac_overhead(banks=shape.banks, skip=shape.skip, tail=tail)
    if lists is not None:
        return [mac_walk(lists.busiest(layer.planes, walk.captured), repeats, gap) + overhead]
    return [round(rows * sum_cycles(layer, shape, gap) * repeats) + overhead]


def _attention(layer: Layer, shape: Shape) -> list[int]:
    walk, heads = layer.walk, layer.heads
    groups, rows = shape.groups(walk.steps), shape.bank_rows(layer.inputs // heads)
    size = layer.outputs // heads
    together = heads_together(heads, groups=groups, rows=rows, channels=size)
    lif = walk.lif_cycles(shape)
    gap, tail = spike_gap(lif), spike_tail(lif)
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
    walk = copy.walk
    if copy.kind == "pass":
        lif = walk.lif_cycles(shape)
        gap = spike_gap(lif, planes=walk.out_planes)
        # by estimate, the word and the stream's lie in one bank
        rows = -(-copy.channels // shape.streams)
        pairs = [1 + walk.captured] * rows if lists is None else lists.busiest(1, walk.captured)
        tail = spike_tail(lif, planes=walk.out_planes)
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
    if copy.come.cells != copy.go.cells:
        made = gather(copy.come, copy.go, shape.tokens, copy.pool)
        most = max(len(word.taps) for word in made)
        return [move_cycles(rows=rows, tiles=1, groups=groups, words=len(made), planes=copy.planes, taps=most)]
    if copy.kind == "lay":
        return [move_cycles(rows=rows, tiles=tiles, groups=groups, words=1, planes=copy.planes, taps=1)]
    unit, grid = 1 if walk.folded(shape) else shape.steps, copy.go.cells
    cells = Grid(grid[0], grid[1] * (shape.steps // unit), unit, shape.lanes)
    words_of = halo(tile) if copy.windows is None else copy.windows(copy.come.tile, tile)
    return [
        move_cycles(
            rows=rows, tiles=tiles, groups=groups, words=len(words_of), taps=longest(words_of, cells),
            planes=copy.planes,
        )
    ]  # fmt: skip
