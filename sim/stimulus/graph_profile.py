"""What of the package format a random graph may hold, how large it grows, and what its neurons do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from spikewright.models.package import Compare, Reset


class Liberty(StrEnum):
    """Something that packages allow and that a graph may be denied."""

    FRAMES = "frames"
    LEAK = "another leak than 8/16"
    LEAK_BY_CHANNEL = "a leak for each channel"
    SHORTCUT = "shortcuts"
    COUNT = "counting pools"
    LIMIT = "limits of streams"
    VALUE_CHANNELS = "other value than query channels"
    FINE_GRID = "linear, head, select and attention on any grid"
    EXTREME_SCORES = "biases of heads and selectors at their extremes"


class State(StrEnum):
    """What the neurons of a layer are drawn to do."""

    ALIVE = "alive"  #: fire at a rate that hides nothing
    DEAD = "dead"  #: never fire
    ALWAYS = "always"  #: fire at every step
    EMPTY = "empty"  #: have no weight but 0


@dataclass(frozen=True)
class Profile:
    """What random graphs may hold: by default all of docs/package.md.

    liberties: of which each graph draws some; resets, compares: of neurons.
    """

    liberties: tuple[Liberty, ...] = tuple(Liberty)
    resets: tuple[Reset, ...] = tuple(Reset)
    compares: tuple[Compare, ...] = tuple(Compare)
    most_fraction_bits: int = 20


WHOLE = Profile()

#: Of 100 layers, how many are drawn to be what.
STATES: Mapping[State, int] = {State.ALIVE: 86, State.DEAD: 5, State.ALWAYS: 5, State.EMPTY: 4}


@dataclass(frozen=True)
class GraphSize:
    """How large a graph may grow.

    share: of 100 graphs; side, channels, steps: the most of each; ops: the most behind the first layers; work: most
    products of a layer and image.
    """

    share: int
    side: int
    channels: int
    steps: int
    ops: int
    work: int


#: Most graphs are small, so that many can be run; the last two reach what only large ones have.
SIZES = (
    GraphSize(share=74, side=6, channels=20, steps=6, ops=11, work=60_000),
    GraphSize(share=21, side=10, channels=48, steps=9, ops=16, work=300_000),
    GraphSize(share=5, side=16, channels=130, steps=16, ops=12, work=1_500_000),
)
