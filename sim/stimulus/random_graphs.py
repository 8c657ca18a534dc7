"""Random graphs over the whole package format, alive, and each the same on every machine.

A graph grows op by op: each op reads any values that it may, and gets thresholds at which it fires on the graph's own
images, found by running the golden model's sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewright.models.package import ImageFormat, Network, Package, check
from spikewright.sim.stimulus.graph_draft import GraphDraft, pick
from spikewright.sim.stimulus.graph_ops import DRAWN, draw_conv, draw_head, draw_pool
from spikewright.sim.stimulus.graph_profile import SIZES, WHOLE, GraphSize, Liberty, Profile

Array = np.ndarray
Rng = np.random.Generator

#: Of 100 graphs, how many draw each liberty that their profile has.
_LIBERTY = 20


@dataclass(frozen=True, eq=False)
class RandomGraph:
    """A package and the images that it is alive on, uint8 [B, H, W, C] or [B, T, H, W, C]."""

    package: Package
    images: Array


def random_graph(seed: int | list[int], profile: Profile = WHOLE) -> RandomGraph:
    """The graph of a seed; of one seed there is one graph a profile, on any machine."""
    rng = np.random.default_rng(seed)
    draft = _begin(rng, profile)
    wanted = len(draft.ops) + int(rng.integers(1, draft.size.ops + 1))
    for _ in range(2 * draft.size.ops):
        if len(draft.ops) >= wanted:
            break
        kind = pick(rng, {kind: weight for kind, (weight, _) in DRAWN.items()})
        DRAWN[kind][1](draft)
    head = draw_head(draft)
    name = "graph-" + "-".join(map(str, [seed] if isinstance(seed, int) else seed))
    network = Network(name=name, steps=draft.steps, input=draft.image, ops=(*draft.ops, head), output="head")
    check(network, draft.tensors)
    return RandomGraph(Package(network, draft.tensors), draft.images)


def _begin(rng: Rng, profile: Profile) -> GraphDraft:
    """A graph with its first layers: convolutions, and pools down to the token grid."""
    size = pick(rng, {size: size.share for size in SIZES})
    liberties = frozenset(liberty for liberty in profile.liberties if rng.integers(100) < _LIBERTY)
    base, pools = _grid(rng, size)
    image = ImageFormat(
        height=base[0] << pools,
        width=base[1] << pools,
        channels=int(rng.integers(1, 5)),
        bits=int(rng.integers(1, 9)),
        signed=bool(rng.integers(2)),
        frames=Liberty.FRAMES in liberties,
    )
    steps = int(rng.integers(1, size.steps + 1))
    widths = tuple(_width(rng, size) for _ in range(int(rng.integers(1, 4))))
    finest = min(profile.most_fraction_bits, pick(rng, {0: 6, 2: 10, 4: 24, 6: 40, 8: 12, 12: 5, 20: 3}))
    draft = GraphDraft(rng, profile, liberties, size, steps, image, base, widths, finest)
    value = draw_conv(draft)
    for _ in range(pools):
        assert value is not None
        value = draw_conv(draft, value) if draft.chance(35) else value
        value = draw_pool(draft, value)
        if value is not None and not value.shape.is_spikes:  # the next pool reads spikes
            value = draw_conv(draft, value)
    return draft


def _grid(rng: Rng, size: GraphSize) -> tuple[tuple[int, int], int]:
    """Grid at the end of the pools, and their number."""
    pools = pick(rng, {0: 40, 1: 35, 2: 20, 3: 5})
    side = max(1, size.side >> pools // 2)
    rows, columns = (int(rng.integers(1, side + 1)) for _ in range(2))
    if rng.integers(8) == 0:
        rows, columns = (1, rows * columns) if rng.integers(2) else (rows * columns, 1)
    while pools and rows * columns << 2 * pools > 6 * size.side * size.side:
        pools -= 1
    return (rows, columns), pools


def _width(rng: Rng, size: GraphSize) -> int:
    """Channels: heads of any width, odd ones too, or any number."""
    heads = int(rng.integers(1, 9))
    return max(1, min(size.channels, heads * int(rng.integers(1, 1 + max(1, size.channels // heads)))))
