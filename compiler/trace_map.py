"""Trace map: what an observer of the accelerator must know to read a trace back as the values of the network.

Made from a lowered network, and stored in the BUILD: comparing needs no compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spikewright.compiler.front.ops import Head
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered
from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Structure
from spikewright.cost.routing import IMAGE


@dataclass(frozen=True)
class TracedDescriptor:
    """What a descriptor is, whose it is, and the cycles the compiler predicts for it with skipping off."""

    kind: str
    layer: str
    cycles: int


@dataclass(frozen=True)
class Home:
    """Where a value stands in spike memory once descriptor ``ready`` is done.

    The word of (channel, tile, step group, y, x, plane) is in bank ``slots[channel][0]`` at
    ``base + tile·tile_stride + group·group_stride + y·y_stride + x·x_stride + slots[channel][1]·row_stride + plane``.
    """

    ready: int
    base: int
    tile_stride: int
    group_stride: int
    row_stride: int
    y_stride: int
    x_stride: int
    planes: int
    signed: bool
    slots: tuple[tuple[int, int], ...]

    @staticmethod
    def of(ready: int, buffer: Buffer, *, planes: int, signed: bool) -> Home:
        """That of a value in its buffer."""
        layout = buffer.layout
        return Home(
            ready=ready,
            base=buffer.base + layout.offset(),
            tile_stride=layout.tile_stride,
            group_stride=layout.block,
            row_stride=layout.row_words,
            y_stride=layout.pitch_x * layout.planes,
            x_stride=layout.planes,
            planes=planes,
            signed=signed,
            slots=layout.placement.slots,
        )


@dataclass(frozen=True)
class FinishedWords:
    """A descriptor whose finished words are an op's spikes: for each output, the channel of each stream."""

    descriptor: int
    channels: tuple[tuple[int, ...], ...]  # -1: none


@dataclass(frozen=True)
class TracedShape:
    """Shape of a value: time steps, tokens, channels, its grid (rows, columns), a row of tokens if it has none.

    cells: rows and columns of its token slots, each with a tile of the grid.
    """

    steps: int
    tokens: int
    channels: int
    grid: tuple[int, int]
    cells: tuple[int, int]


@dataclass(frozen=True)
class TraceMap:
    """A network on an accelerator, as far as an observer is concerned."""

    tokens: int  # token slots of a word
    steps: int  # step slots of a word
    banks: int
    streams: int
    bank_depth: int
    image: tuple[int, ...]  # height, width, channels; behind the steps where each has a frame
    classes: int
    score_words: int  # result words of a class score, the lowest first
    score_shift: int  # the accelerator's scores are the package's, shifted left by this; 0 on the least structure
    descriptors: tuple[TracedDescriptor, ...]
    shapes: Mapping[str, TracedShape]
    planes: Mapping[str, int]  # bit-planes of every value, the image included
    homes: Mapping[str, Home]
    words: Mapping[str, FinishedWords]

    @property
    def lanes(self) -> int:
        return self.tokens * self.steps

    @property
    def predicted(self) -> int:
        """Cycles of an image with skipping off."""
        return sum(descriptor.cycles for descriptor in self.descriptors)

    @property
    def selects(self) -> list[tuple[int, str]]:
        """(descriptor, layer) of every token selector."""
        select = Kind.SELECT.name
        return [(i, traced.layer) for i, traced in enumerate(self.descriptors) if traced.kind == select]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> TraceMap:
        """From what ``to_dict`` gave, through JSON."""

        def grid(pair: list[int]) -> tuple[int, int]:
            return pair[0], pair[1]

        fields = dict(data)
        fields |= {
            "image": tuple(data["image"]),
            "descriptors": tuple(TracedDescriptor(**traced) for traced in data["descriptors"]),
            "shapes": {
                name: TracedShape(**{**shape, "grid": grid(shape["grid"]), "cells": grid(shape["cells"])})
                for name, shape in data["shapes"].items()
            },
            "homes": {
                name: Home(**{**home, "slots": tuple((bank, row) for bank, row in home["slots"])})
                for name, home in data["homes"].items()
            },
            "words": {
                name: FinishedWords(words["descriptor"], tuple(tuple(row) for row in words["channels"]))
                for name, words in data["words"].items()
            },
        }
        return TraceMap(**fields)


def trace_map(lowered: Lowered, structure: Structure) -> TraceMap:
    """The map of a lowered network on an accelerator of some structure."""
    graph, shape, image = lowered.graph, structure.shape, lowered.graph.image
    head = graph.ops[-1]
    assert isinstance(head, Head)
    return TraceMap(
        tokens=shape.tokens,
        steps=shape.steps,
        banks=shape.banks,
        streams=shape.streams,
        bank_depth=structure.bank_depth,
        image=image.shape(graph.steps),
        classes=graph.values[head.name].channels,
        score_words=structure.score_words,
        score_shift=lowered.fraction_bits - head.fraction_bits - structure.score_drop,
        descriptors=tuple(
            TracedDescriptor(draft.kind.name, draft.layer, draft.cycles)
            for draft in lowered.descriptors
            if draft.kind is not Kind.END
        ),
        shapes={
            name: TracedShape(
                value.steps, value.tokens, value.channels, lowered.lies[name].grid, lowered.lies[name].cells
            )
            for name, value in graph.values.items()
            if name not in (IMAGE, head.name)
        },
        planes={name: value.planes for name, value in graph.values.items() if name != head.name},
        homes=_homes(lowered),
        words=_finished_words(lowered),
    )


def _homes(lowered: Lowered) -> dict[str, Home]:
    """Every value that stands in spike memory at some time, once it is whole."""
    homes = {}
    for number, draft in enumerate(lowered.descriptors):
        if draft.completes is not None and draft.completes != IMAGE:
            value = lowered.graph.values[draft.completes]
            homes[value.name] = Home.of(number, lowered.home(value.name), planes=value.planes, signed=value.signed)
    return homes


def _finished_words(lowered: Lowered) -> dict[str, FinishedWords]:
    """Ops whose spikes only go into a residual addition → the descriptor that hands out their words."""
    return {
        draft.spikes: FinishedWords(number, _channels(lowered, draft))
        for number, draft in enumerate(lowered.descriptors)
        if draft.spikes is not None
    }


def _channels(lowered: Lowered, draft: DescriptorDraft) -> tuple[tuple[int, ...], ...]:
    """For each row of outputs, the channel of each stream."""
    assert draft.target is not None
    layout = lowered.buffers[draft.target].layout
    channel = {slot: c for c, slot in enumerate(layout.placement.slots)}
    rows = {layout.offset(row): row for row in range(layout.rows)}
    return tuple(
        tuple(channel[(output.bank, rows[output.target])] if output.enable else -1 for output in group)
        for group in draft.outputs
    )
