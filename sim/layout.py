"""Layout: what an observer of the accelerator must know to read a trace back as the values of the network.

Taken from a program when a BUILD is generated, and stored in it: comparing needs no compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spikewright.compiler.descriptors import Kind
from spikewright.compiler.program import Program, ValueHome


@dataclass(frozen=True)
class Step:
    """One descriptor: what it is, whose it is, and the cycles the compiler predicts for it with skipping off."""

    kind: str
    layer: str
    cycles: int
    folded: bool  # step lanes hold positions of a still image


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
    def of(home: ValueHome) -> Home:
        buffer = home.buffer
        return Home(
            ready=home.ready,
            base=buffer.base + buffer.offset(),
            tile_stride=buffer.tile_stride,
            group_stride=buffer.block,
            row_stride=buffer.row_words,
            y_stride=buffer.pitch_x * buffer.planes,
            x_stride=buffer.planes,
            planes=home.planes,
            signed=home.signed,
            slots=buffer.placement.slots,
        )


@dataclass(frozen=True)
class Words:
    """A descriptor whose finished spike words are a layer's spikes: for each output, the channel of each stream."""

    step: int
    channels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Size:
    """Shape of a value: steps, tokens, channels, and its grid (rows, columns) if it has one."""

    steps: int
    tokens: int
    channels: int
    grid: tuple[int, int] | None


@dataclass(frozen=True)
class Layout:
    """A network on an accelerator, as far as an observer is concerned."""

    tokens: int  # token slots of a word
    steps: int  # step slots of a word
    banks: int
    streams: int
    bank_depth: int
    image: tuple[int, int, int]
    classes: int
    score_shift: int
    token_grid: tuple[int, int]
    descriptors: tuple[Step, ...]
    sizes: Mapping[str, Size]
    planes: Mapping[str, int]  # bit-planes of every value, the image included
    homes: Mapping[str, Home]
    words: Mapping[str, tuple[Words, ...]]

    @property
    def lanes(self) -> int:
        return self.tokens * self.steps

    @property
    def predicted(self) -> int:
        """Cycles of an image with skipping off."""
        return sum(step.cycles for step in self.descriptors)

    @property
    def selects(self) -> list[tuple[int, str]]:
        """(descriptor, layer) of every token selector."""
        return [(i, step.layer) for i, step in enumerate(self.descriptors) if step.kind == Kind.SELECT.name]

    @staticmethod
    def of(program: Program) -> Layout:
        graph, shape = program.lowered.graph, program.structure.shape
        grids = [value.grid for value in graph.values.values() if value.grid is not None]
        image, head = graph.image, graph.ops[-1]
        return Layout(
            tokens=shape.tokens,
            steps=shape.steps,
            banks=shape.banks,
            streams=shape.streams,
            bank_depth=program.structure.bank_depth,
            image=(image.height, image.width, image.channels),
            classes=graph.values[head.name].channels,
            score_shift=program.score_shift,
            token_grid=min(grids, key=lambda grid: grid[0] * grid[1]),
            descriptors=tuple(
                Step(step.kind.name, step.layer, step.cycles, bool(step.fields.get("fold")) and step.kind is Kind.MAC)
                for step in program.steps
                if step.kind is not Kind.END
            ),
            sizes={
                value.name: Size(value.steps, value.tokens, value.channels, value.grid)
                for value in graph.values.values()
                if value.name not in ("input", head.name)
            },
            planes={value.name: value.planes for value in graph.values.values() if value.name != head.name},
            homes={name: Home.of(home) for name, home in program.value_homes.items()},
            words={
                name: tuple(Words(stream.step, stream.channels) for stream in streams)
                for name, streams in program.word_streams.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Layout:
        fields = dict(data)
        fields["image"] = tuple(fields["image"])
        fields["token_grid"] = tuple(fields["token_grid"])
        fields["descriptors"] = tuple(Step(**step) for step in fields["descriptors"])
        fields["sizes"] = {
            name: Size(**{**size, "grid": tuple(size["grid"]) if size["grid"] else None})
            for name, size in fields["sizes"].items()
        }
        fields["homes"] = {
            name: Home(**{**home, "slots": tuple((bank, row) for bank, row in home["slots"])})
            for name, home in fields["homes"].items()
        }
        fields["words"] = {
            name: tuple(Words(item["step"], tuple(tuple(group) for group in item["channels"])) for item in items)
            for name, items in fields["words"].items()
        }
        return Layout(**fields)
