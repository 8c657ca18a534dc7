"""Program: ROM images and everything a simulation or a host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from spikewright.compiler.fit import Choice
from spikewright.compiler.lower.lists import Entry, OutputSlot, lengths
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered
from spikewright.compiler.lower.verify import verify_lowered
from spikewright.compiler.measure import measure
from spikewright.compiler.target.descriptors import Kind, descriptor_words
from spikewright.compiler.target.memories import (
    Memory,
    count_rom,
    mask_table,
    neuron_rom,
    pixel_rom,
    program_rom,
    tap_table,
    weight_rom,
    with_contents,
)
from spikewright.compiler.target.rows import count_row, entry_row, neuron_row, tap_row
from spikewright.compiler.target.structure import Structure
from spikewright.compiler.trace_map import TraceMap, trace_map
from spikewright.compiler.waits import with_waits
from spikewright.cost.rom import RomBits, rom_bits
from spikewright.cost.rows import ROW_ENTRIES, packed_code, side_by_side
from spikewright.errors import CompilerFault, PlainError


class StructureError(PlainError):
    """A network does not fit a given structure; the text is one sentence."""


@dataclass(frozen=True)
class RomImage:
    """Contents of one memory, padded to its depth."""

    memory: Memory
    words: tuple[int, ...]

    def hex(self) -> str:
        """The text that ``$readmemh`` reads."""
        digits = -(-self.memory.width // 4)
        padded = [*self.words, *([0] * (self.memory.depth - len(self.words)))]
        return "".join(f"{word:0{digits}x}\n" for word in padded)

    @property
    def bits(self) -> int:
        """Bits in use."""
        return self.memory.width * len(self.words)


@dataclass(frozen=True, eq=False)
class Program:
    """A network, ready for an accelerator of ``structure``."""

    lowered: Lowered
    structure: Structure
    choice: Choice | None = None  # how the shape was chosen, where that was left to the compiler

    @property
    def descriptors(self) -> list[DescriptorDraft]:
        return self.lowered.descriptors

    @property
    def predicted_cycles(self) -> list[int]:
        """Cycles of each descriptor with skipping off, END excluded."""
        return [draft.cycles for draft in self.descriptors if draft.kind is not Kind.END]

    @cached_property
    def roms(self) -> Mapping[str, RomImage]:
        """File name → image, for every memory of the accelerator that has contents."""
        s = self.structure
        try:
            contents = {
                **self._weights(),
                count_rom(s): self._counts(),
                neuron_rom(s): self._neurons(),
                program_rom(s): self._program(),
                pixel_rom(s): self._pixels(),
                tap_table(s): self._taps(),
                mask_table(s): self.lowered.table.masks,
            }
        except ValueError as error:  # of a field that is too narrow
            raise CompilerFault(str(error)) from None
        assert list(contents) == with_contents(s)
        return {str(memory.file): RomImage(memory, tuple(words)) for memory, words in contents.items()}

    def _listed(self) -> list[tuple[OutputSlot, ...]]:
        """The rows of outputs whose entries come from the weight ROMs, in program order."""
        return [
            row for draft in self.descriptors if draft.outputs and not draft.fields["gate"] for row in draft.outputs
        ]

    def _weights(self) -> dict[Memory, list[int]]:
        s, shape = self.structure, self.structure.shape
        lists: dict[Memory, list[Entry]] = {
            weight_rom(s, stream, bank): [] for stream in range(shape.streams) for bank in range(shape.banks)
        }
        walkers = list(lists.values())
        for row in self._listed():
            for walker, entries in enumerate(entries for output in row for entries in output.lists):
                walkers[walker] += entries
        return {memory: self._weight_rows(entries) for memory, entries in lists.items()}

    def _weight_rows(self, entries: list[Entry]) -> list[int]:
        layout, bits = entry_row(self.structure), self.structure.code_bits
        side = [{"second": int(entry.second)} if self.structure.second else {} for entry in entries]
        packed = [
            layout.pack({"offset": entry.offset, "code": packed_code(entry.code, bits)} | more)
            for entry, more in zip(entries, side, strict=True)
        ]
        packed += [0] * (-len(packed) % ROW_ENTRIES)
        return [side_by_side(packed[i : i + ROW_ENTRIES], layout.bits) for i in range(0, len(packed), ROW_ENTRIES)]

    def _counts(self) -> list[int]:
        layout = count_row(self.structure)
        return [
            side_by_side(
                (layout.pack({"entries": len(entries)}) for output in row for entries in output.lists), layout.bits
            )
            for row in self._listed()
        ]

    def _neurons(self) -> list[int]:
        layout = neuron_row(self.structure)
        return [
            side_by_side((layout.pack(self._parameters(output, draft)) for output in row), layout.bits)
            for draft in self.descriptors
            for row in draft.outputs
        ]

    def _parameters(self, output: OutputSlot, draft: DescriptorDraft) -> dict[str, int]:
        base = self.lowered.base(draft.target) if draft.target is not None and output.enable else 0
        return {
            "bias": output.bias,
            "threshold": output.threshold,
            "target": base + output.target,
            "bank": output.bank,
            "enable": int(output.enable),
        } | ({"leak": output.leak} if self.structure.leaks else {})

    def _program(self) -> list[int]:
        descriptors = [draft.descriptor(self.lowered) for draft in self.descriptors]
        return [word for descriptor in descriptors for word in descriptor.pack(self.structure)]

    def _pixels(self) -> list[int]:
        mask = (1 << self.structure.image_bits) - 1
        return [int(code) & mask for code in self.lowered.graph.image.table.reshape(-1)]

    def _taps(self) -> list[int]:
        layout = tap_row(self.structure)
        return [
            layout.pack({"source": tap.source, "target": tap.target, "rotate": tap.rotate, "mask": tap.mask})
            for tap in self.lowered.table.taps
        ]

    @cached_property
    def rom_bits(self) -> RomBits:
        """Weight storage by use: what a stored bit is for."""
        lists = [lengths(draft.outputs) for draft in self.descriptors if draft.outputs and not draft.fields["gate"]]
        neuron_rows = sum(len(draft.outputs) for draft in self.descriptors)
        return rom_bits(lists, neuron_rows, self.structure.shape, self.structure.widths)

    @cached_property
    def trace_map(self) -> TraceMap:
        """What an observer must know to read a trace back."""
        return trace_map(self.lowered, self.structure)


def assemble(lowered: Lowered, structure: Structure | None = None, *, choice: Choice | None = None) -> Program:
    """A program for ``structure``, or for the least one. ``StructureError`` where the network does not fit.

    CompilerFault where the program does not keep to its layouts (``lower/verify.py``).
    """
    verify_lowered(lowered)
    need = measure(lowered)
    if structure is None:
        return Program(with_waits(lowered, need), need, choice)
    missing = structure.shortfalls(need)
    # its fields may be wider, and the descriptors longer
    words = descriptor_words(structure) * len(lowered.descriptors)
    if not missing and words > structure.program_depth:
        missing = [f"program_depth {words} is above {structure.program_depth}"]
    if missing:
        raise StructureError("the network does not fit the structure: " + "; ".join(missing))
    if (lowered.fraction_bits, lowered.leaks) != (structure.fraction_bits, bool(structure.leaks)):
        raise ValueError("lower the network with the structure's fraction bits and leaks")
    return Program(with_waits(lowered, structure), structure)
