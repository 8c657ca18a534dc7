"""The check of a program: every value that it yields against the golden model, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from spikewright.compiler.program import Program
from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.trace_map import TraceMap
from spikewright.models.package import Package
from spikewright.sim.golden import Trace, run
from spikewright.sim.mismatch import layers, silent_layers
from spikewright.sim.program.image import ProgramImage
from spikewright.sim.program.memory import ProgramFault
from spikewright.sim.program.run import Answer, DescriptorDone, execute
from spikewright.sim.values import ValueReader

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Execution:
    """What a program did with some images.

    values: int [B, T, N, C] by op, and ``SELECTOR.kept``, int [B, keep]; answer: scores and pairs.
    """

    values: dict[str, Array]
    answer: Answer


@dataclass(frozen=True)
class Checked:
    """images: on which the program equals the golden model; values: compared; silent: layers that never fired there."""

    images: int
    values: int
    silent: tuple[str, ...]


def check_program(program: Program, package: Package, images: Array, golden: Trace | None = None) -> Checked:
    """Compare every value of uint8 images [B, H, W, C] with the golden model; ProgramFault at the first difference.

    golden: what the golden model makes of them, if it is known already.
    """
    golden = golden or run(package, images)
    execution = run_program(program, images)
    values = 0
    shift = program.trace_map.score_shift
    for layer in layers(package, golden, execution.values, execution.answer.scores, shift):
        values += layer.expected.size
        if layer.count:
            raise ProgramFault(str(layer.first()))
    return Checked(len(images), values, silent_layers(package, golden))


def additions(program: Program) -> int:
    """Gated additions that an image takes, about: what the check costs."""
    lanes, total = program.structure.shape.lanes, 0
    for draft in program.descriptors:
        if draft.kind is Kind.MAC:
            words = {(b, entry.offset) for row in draft.outputs for out in row for b, entries in enumerate(out.lists)
                     for entry in entries}  # fmt: skip
            places = prod(draft.fields[name] for name in ("columns", "rows", "tiles", "groups"))
            total += len(draft.outputs) * program.structure.shape.streams * len(words) * places * lanes
    return total


def run_program(program: Program, images: Array) -> Execution:
    """Run uint8 images [B, H, W, C]; ProgramFault where the program does what no right one does."""
    image = ProgramImage.of(program.structure, {file: rom.words for file, rom in program.roms.items()})
    observer = _Observer(program.trace_map)
    answer = execute(image, images.reshape(len(images), -1), observer)
    return Execution(observer.values, answer)


class _Observer(ValueReader):
    """Reads every value as soon as it stands in its home."""

    def __init__(self, trace_map: TraceMap) -> None:
        super().__init__(trace_map)
        self.values: dict[str, Array] = {}
        self.ready: dict[int, list[str]] = {}
        for name, home in trace_map.homes.items():
            self.ready.setdefault(home.ready, []).append(name)
        self.finished = {words.descriptor: name for name, words in trace_map.words.items()}
        self.selects = dict(trace_map.selects)

    def __call__(self, done: DescriptorDone) -> None:
        trace_map = self.trace_map
        for name in self.ready.get(done.number, []):
            self.values[name] = self.value(trace_map.homes[name], trace_map.shapes[name], done.memories.words_at)
        if done.number in self.finished:
            self._spikes(self.finished[done.number], done)
        if done.kept is not None:
            self.values[f"{self.selects[done.number]}.kept"] = done.kept

    def _spikes(self, name: str, done: DescriptorDone) -> None:
        """Spikes that only went into a residual addition."""
        shape, words = self.trace_map.shapes[name], self.trace_map.words[name]
        assert done.finished is not None
        rows, columns, tiles, groups = self.places(shape)
        groups_of = [done.finished.words[group::groups] for group in range(groups)]
        by_group = [np.concatenate(parts, axis=1) for parts in groups_of]  # [B, y·x·tile, outputs, lanes]
        lanes = np.stack(by_group, axis=2)
        lanes = lanes.reshape(len(lanes), rows, columns, tiles, groups, *lanes.shape[-2:])
        channels = np.array(words.channels).reshape(-1)
        spikes = np.zeros((len(lanes), shape.steps, shape.tokens, shape.channels), np.int8)
        spikes[..., channels[channels >= 0]] = self.place(lanes[..., channels >= 0, :].astype(np.int8), shape)
        self.values[name] = spikes
