"""A random graph while it grows: its ops so far, and what every value holds on the graph's images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch

from spikewright.models.package import (
    IMAGE,
    HeadOp,
    ImageFormat,
    Network,
    NeuronFormat,
    Op,
    Package,
    Scheme,
    SelectOp,
    ValueShape,
    WeightFormat,
    shapes,
)
from spikewright.sim.golden import evaluate, image_codes
from spikewright.sim.stimulus.graph_images import graph_images, graph_table
from spikewright.sim.stimulus.graph_profile import STATES, GraphSize, Liberty, Profile, State
from spikewright.sim.stimulus.graph_tuning import LEAST_RATE, MOST_RATE

Array = np.ndarray
Rng = np.random.Generator
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Source:
    """A value that ops may read: the kind of op that made it, its shape, and what it holds, int64 [B, T or 1, N, C]."""

    name: str
    kind: str
    shape: ValueShape
    values: torch.Tensor
    lively: bool


def pick(rng: Rng, weighted: Mapping[Item, int]) -> Item:
    """One of the items, by whole weights of which at least one is above 0."""
    items, ends = list(weighted), np.cumsum([weighted[item] for item in weighted])
    return items[int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))]


@dataclass(eq=False)
class GraphDraft:
    """What a graph is to be, and what there is of it.

    base: grid at which pools end where the graph has a token grid; widths: channels that its layers like to have;
    finest: most fraction bits of a layer.
    """

    rng: Rng
    profile: Profile
    liberties: frozenset[Liberty]
    size: GraphSize
    steps: int
    image: ImageFormat
    base: tuple[int, int]
    widths: tuple[int, ...]
    finest: int
    images: Array = field(init=False)
    ops: list[Op] = field(default_factory=list)
    tensors: dict[str, Array] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    selected: int | None = None  # tokens left by the last selector

    def __post_init__(self) -> None:
        self.tensors["input.table"] = graph_table(self.rng, self.image)
        self.images = graph_images(self.rng, 3, self.image, self.steps)
        codes = image_codes(self.package(()), torch.from_numpy(self.images))
        grid = (self.image.height, self.image.width)
        shape = ValueShape(grid[0] * grid[1], self.image.channels, grid, False)
        self.sources.append(Source(IMAGE, IMAGE, shape, codes, bool(codes.any())))

    # ---- what there is -------------------------------------------------------------------------------------------

    def package(self, ops: Iterable[Op], head: HeadOp | None = None) -> Package:
        """The graph with these ops, and a head."""
        closed = [*ops, *([head] if head else [])]
        network = Network.model_construct(
            name="draft",
            steps=self.steps,
            input=self.image,
            ops=tuple(closed),
            output=closed[-1].name if closed else "",
        )
        return Package(network, self.tensors)

    def readable(self) -> list[Source]:
        """Values of ops that an op may read now."""
        return [s for s in self.sources[1:] if self.selected in (None, s.shape.tokens)]

    def on_tokens(self, source: Source) -> bool:
        """Whether a layer that reads token slots takes the value."""
        return Liberty.FINE_GRID in self.liberties or source.shape.grid in (None, self.base)

    def choose(self, candidates: Sequence[Source]) -> Source:
        """One of them: new ones and lively ones rather than others."""
        count = len(candidates)
        weights = {i: (2 + 8 * (i + 1) // count) * (8 if s.lively else 1) for i, s in enumerate(candidates)}
        return candidates[pick(self.rng, weights)]

    def chance(self, percent: int) -> bool:
        return bool(self.rng.integers(100) < percent)

    # ---- what is added -------------------------------------------------------------------------------------------

    def put(self, op: Op, values: torch.Tensor | None = None) -> Source:
        """Add an op whose tensors are there; values: what it makes, if that is known."""
        self.ops.append(op)
        closing = next((s.name for s in self.readable()), op.name)
        head = HeadOp.model_construct(kind="head", name="head", input=closing, channels=1)
        package = self.package(self.ops, head)
        if values is None:
            values, _ = evaluate(package, op, {s.name: s.values for s in self.sources})
        if isinstance(op, SelectOp):
            self.selected = op.keep
            head = head.model_copy(update={"input": op.name})
            package = self.package(self.ops, head)
        shape = shapes(package.network)[op.name]
        rate = float(values.double().mean())
        lively = LEAST_RATE <= rate <= MOST_RATE if shape.is_spikes else bool(values.any())
        self.sources.append(Source(op.name, op.kind, shape, values, lively))
        return self.sources[-1]

    def drafted(self, op: Op) -> Package:
        """The graph as it would be with this op, for its sums."""
        closing = next((s.name for s in self.readable()), op.name)
        head = HeadOp.model_construct(kind="head", name="head", input=closing, channels=1)
        return self.package([*self.ops, op], head)

    def name(self, kind: str) -> str:
        """A name that no op has; one in four is not plain."""
        form = int(self.rng.integers(12))
        text = f"{kind}{len(self.ops)}"
        return {0: f"part.{text}", 1: f"{text}_x", 2: f"a-{text}"}.get(form, text)

    def weights(self, name: str, shape: tuple[int, ...], *, empty: bool = False) -> WeightFormat:
        """Codes of any scheme and width, sparse or dense, some rows empty."""
        rng = self.rng
        scheme = Scheme.POT if self.chance(40) else Scheme.UNIFORM
        form = WeightFormat(scheme=scheme, bits=int(rng.integers(3, 5) if scheme is Scheme.POT else rng.integers(2, 9)))
        fan_in = int(np.prod(shape[1:]))
        kept = max((100, 60, 30, 12, 5)[rng.integers(5)], min(100, 400 // fan_in))
        if self.chance(15):
            magnitude = rng.integers(1, form.max_code + 1, size=shape)
        else:
            magnitude = np.minimum(rng.geometric(0.5, size=shape), form.max_code)
        codes = np.where(rng.random(shape) < 0.46, -1, 1) * magnitude * (rng.integers(100, size=shape) < kept)
        if shape[0] > 3:
            codes[rng.random(shape[0]) < 0.04] = 0
        self.tensors[f"{name}.codes"] = np.zeros(shape, np.int8) if empty else codes.astype(np.int8)
        return form

    def scale(self, name: str, channels: int) -> None:
        """A record that no exact path reads."""
        one = channels if self.chance(70) else 1
        self.tensors[f"{name}.scale"] = (self.rng.integers(1, 100, size=one) / 1024).astype(np.float32)

    def neuron(self) -> NeuronFormat:
        rng = self.rng
        leak: int | None = 8
        if Liberty.LEAK in self.liberties and self.chance(50):
            leak = int(rng.integers(17))
        if Liberty.LEAK_BY_CHANNEL in self.liberties and self.chance(40):
            leak = None
        return NeuronFormat(
            leak=leak,
            reset=self.profile.resets[rng.integers(len(self.profile.resets))],
            compare=self.profile.compares[rng.integers(len(self.profile.compares))],
            fraction_bits=int(rng.integers(self.finest + 1)),
        )

    def state(self) -> State:
        """What the next layer is drawn to do; the first ones are alive, or all behind them would be dead."""
        spikes = [s for s in self.readable() if s.lively]
        return pick(self.rng, STATES) if len(spikes) >= 2 else State.ALIVE

    def channels(self, cost: int) -> int:
        """Channels of a new layer: as others have, or any; cost: products for each."""
        most = max(1, min(self.size.channels, self.size.work // max(1, cost)))
        liked = [width for width in self.widths if width <= most]
        if liked and self.chance(75):
            return liked[int(self.rng.integers(len(liked)))]
        return int(self.rng.integers(1, most + 1))
