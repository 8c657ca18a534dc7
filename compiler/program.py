"""Program: ROM images and everything a simulation or a host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from spikewright.cost.rom import ROW_ENTRIES, RomBits, rom_bits

from .buffers import Buffer
from .descriptors import Kind, Mode, descriptor_words
from .lists import Entry, OutputSlot, lengths
from .lowered import Lowered, Step
from .measure import measure
from .structure import Structure, bits_for


class StructureError(ValueError):
    """A network does not fit a given structure; the text is one sentence."""


@dataclass(frozen=True)
class RomImage:
    """Contents of one ROM: ``width`` bits a word, padded to ``depth`` words."""

    width: int
    depth: int
    words: tuple[int, ...]

    def hex(self) -> str:
        """The text that ``$readmemh`` reads."""
        digits = -(-self.width // 4)
        padded = [*self.words, *([0] * (self.depth - len(self.words)))]
        return "".join(f"{word:0{digits}x}\n" for word in padded)

    @property
    def bits(self) -> int:
        """Bits in use."""
        return self.width * len(self.words)


@dataclass(frozen=True)
class ValueHome:
    """Where a value stands in spike memory once descriptor ``ready`` is done."""

    ready: int
    buffer: Buffer
    planes: int
    signed: bool


@dataclass(frozen=True)
class WordStream:
    """The order in which descriptor ``step`` hands out the spike words of a layer."""

    step: int
    channels: tuple[tuple[int, ...], ...]  # for each output of the descriptor: channel of each stream, -1: none


@dataclass(frozen=True)
class Program:
    """A network, ready for an accelerator of ``structure``."""

    lowered: Lowered
    structure: Structure

    @property
    def score_shift(self) -> int:
        """The accelerator's scores are the package's, shifted left by this."""
        head = self.lowered.graph.ops[-1]
        return self.lowered.fraction_bits - head.fraction_bits  # type: ignore[union-attr]

    @property
    def steps(self) -> list[Step]:
        return self.lowered.steps

    @property
    def predicted_cycles(self) -> list[int]:
        """Cycles of each descriptor with skipping off, END excluded."""
        return [step.cycles for step in self.steps if step.kind is not Kind.END]

    @cached_property
    def roms(self) -> Mapping[str, RomImage]:
        """File name → image, for every ROM of the accelerator."""
        s, lowered = self.structure, self.lowered
        shape = s.shape
        walkers = shape.streams * shape.banks
        lists: list[list[Entry]] = [[] for _ in range(walkers)]
        counts, neurons = [], []
        for step in self.steps:
            for group in step.outputs:
                row = 0
                for stream, output in enumerate(group):
                    row |= self._neuron(output, step.target) << (stream * s.neuron_bits)
                neurons.append(row)
                if step.fields["gate"]:
                    continue
                row = 0
                for stream, output in enumerate(group):
                    for bank, entries in enumerate(output.lists):
                        walker = stream * shape.banks + bank
                        lists[walker] += entries
                        row |= len(entries) << (walker * s.count_bits)
                counts.append(row)
        images = {
            f"weights_{w // shape.banks}_{w % shape.banks}.hex": RomImage(
                s.row_bits, s.rom_depth, tuple(self._rows(entries))
            )
            for w, entries in enumerate(lists)
        }
        images["counts.hex"] = RomImage(walkers * s.count_bits, s.outputs, tuple(counts))
        images["neurons.hex"] = RomImage(shape.streams * s.neuron_bits, s.neurons, tuple(neurons))
        images["program.hex"] = RomImage(
            32,
            s.program_depth,
            tuple(word for step in self.steps for word in step.descriptor(lowered).pack(s)),
        )
        images["taps.hex"] = self._taps()
        images["masks.hex"] = RomImage(shape.lanes, s.mask_depth, tuple(lowered.table.masks))
        table = lowered.graph.image.table
        mask = (1 << s.image_bits) - 1
        images["pixels.hex"] = RomImage(
            s.image_bits, 256 * s.image_channels, tuple(int(code) & mask for code in table.reshape(-1))
        )
        return images

    def _rows(self, entries: list[Entry]) -> list[int]:
        s = self.structure
        packed = [
            entry.offset | (abs(entry.code) | (int(entry.code < 0) << (s.code_bits - 1))) << s.offset_bits
            for entry in entries
        ]
        packed += [0] * (-len(packed) % ROW_ENTRIES)
        return [
            sum(packed[i + j] << (j * s.entry_bits) for j in range(ROW_ENTRIES))
            for i in range(0, len(packed), ROW_ENTRIES)
        ]

    def _neuron(self, output: OutputSlot, target: str | None) -> int:
        s = self.structure
        width = s.parameter_bits
        base = self.lowered.buffers[target].base if target is not None and output.enable else 0
        fields = (
            (output.bias & ((1 << width) - 1), width),
            (output.threshold & ((1 << width) - 1), width),
            (base + output.target, s.address_bits),
            (output.bank, bits_for(s.shape.banks - 1)),
            (int(output.enable), 1),
        )
        value, position = 0, 0
        for item, bits in fields:
            value |= item << position
            position += bits
        return value

    def _taps(self) -> RomImage:
        s = self.structure
        address, rotate, mask = s.address_bits, bits_for(s.shape.lanes - 1), bits_for(s.mask_depth - 1)
        wrap = (1 << address) - 1
        words = [
            (tap.source & wrap)
            | (tap.target & wrap) << address
            | tap.rotate << (2 * address)
            | tap.mask << (2 * address + rotate)
            for tap in self.lowered.table.taps
        ]
        return RomImage(2 * address + rotate + mask, s.table_depth, tuple(words))

    @cached_property
    def rom_bits(self) -> RomBits:
        """Weight storage by use: what a stored bit is for."""
        lists = [lengths(step.outputs) for step in self.steps if step.outputs and not step.fields["gate"]]
        neuron_rows = sum(len(step.outputs) for step in self.steps)
        return rom_bits(lists, neuron_rows, self.structure.shape, self.structure.widths)

    @cached_property
    def value_homes(self) -> Mapping[str, ValueHome]:
        """Every value that stands in spike memory at some time (not the spikes that only went into a residual add)."""
        lowered, graph = self.lowered, self.lowered.graph
        adds = {op.inputs[1]: op.name for op in graph.ops if op.kind == "add"}
        homes = {}
        for i, step in enumerate(self.steps):
            name = adds.get(step.layer, step.layer)
            writes = step.kind is Kind.MOVE or (step.kind is Kind.MAC and step.target is not None)
            if writes and name in graph.values and name != "input":
                value = graph.values[name]
                homes[name] = ValueHome(i, lowered.home(name), value.planes, value.signed)
        return homes

    @cached_property
    def word_streams(self) -> Mapping[str, tuple[WordStream, ...]]:
        """Layers with neurons → the descriptors that hand out their spike words."""
        found: dict[str, list[WordStream]] = {}
        for i, step in enumerate(self.steps):
            if step.kind is not Kind.MAC or step.fields["mode"] not in (Mode.SPIKE, Mode.RESIDUAL):
                continue
            found.setdefault(step.layer, []).append(WordStream(i, self._channels(step)))
        return {name: tuple(items) for name, items in found.items()}

    def _channels(self, step: Step) -> tuple[tuple[int, ...], ...]:
        assert step.target is not None
        buffer = self.lowered.buffers[step.target]
        channel = {slot: c for c, slot in enumerate(buffer.placement.slots)}
        rows = {buffer.offset(row): row for row in range(buffer.rows)}
        return tuple(
            tuple(channel[(o.bank, rows[o.target])] if o.enable else -1 for o in group) for group in step.outputs
        )


def assemble(lowered: Lowered, structure: Structure | None = None) -> Program:
    """A program for ``structure``, or for the least one. Raises ``StructureError`` where the network does not fit."""
    need = measure(lowered)
    if structure is None:
        return Program(lowered, need)
    missing = structure.shortfalls(need)
    words = descriptor_words(structure) * len(lowered.steps)  # its fields may be wider, and the descriptors longer
    if not missing and words > structure.program_depth:
        missing = [f"program_depth {words} is above {structure.program_depth}"]
    if lowered.fraction_bits != structure.fraction_bits:
        raise ValueError("lower the network with the structure's fraction bits")
    if missing:
        raise StructureError("the network does not fit the structure: " + "; ".join(missing))
    return Program(lowered, structure)
