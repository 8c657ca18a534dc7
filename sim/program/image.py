"""Program image: the contents of an accelerator's ROMs, read by the same layouts as the hardware reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spikewright.compiler.target.descriptors import KIND_BITS, Kind, absent, layout
from spikewright.compiler.target.memories import (
    count_rom,
    mask_table,
    neuron_rom,
    pixel_rom,
    program_rom,
    tap_table,
    weight_rom,
)
from spikewright.compiler.target.rows import count_row, entry_row, neuron_row, tap_row
from spikewright.compiler.target.structure import Structure
from spikewright.cost.rows import ROW_ENTRIES
from spikewright.sim.program.blocks import Blocks

Array = np.ndarray
Roms = Mapping[str, Sequence[int]]  #: file name → words


@dataclass(frozen=True, eq=False)
class ProgramImage:
    """What the ROMs of an accelerator hold.

    descriptors: kind and fields, in order, END last; offsets, codes: of each walker's entries, a code with the bit of
    the second value above it; counts: entries of each walker's list [rows, walkers]; neurons: field → [rows, streams];
    taps: of the mover; masks: uint8 [masks, lanes]; table: codes of input bytes, unsigned [channels, 256].
    """

    structure: Structure
    descriptors: list[tuple[Kind, dict[str, int]]]
    offsets: list[Array]
    codes: list[Array]
    counts: Array
    neurons: Mapping[str, Array]
    taps: list[dict[str, int]]
    masks: Array
    table: Array

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks that read it."""
        return Blocks(self.structure)

    @staticmethod
    def of(structure: Structure, roms: Roms) -> ProgramImage:
        """From the words of every ROM."""
        s, shape = structure, structure.shape

        def words(file: str | None) -> Sequence[int]:
            assert file is not None
            return roms[file]

        offsets, codes = [], []
        for walker in range(shape.walkers):
            entry, rows = entry_row(s), words(weight_rom(s, *divmod(walker, shape.banks)).file)
            halves = [entry.unpack(rows, half * entry.bits) for half in range(ROW_ENTRIES)]
            offsets.append(np.stack([half["offset"] for half in halves], axis=-1).reshape(-1))
            code = np.stack([half["code"] for half in halves], axis=-1).reshape(-1)
            if s.second:
                code = code | np.stack([half["second"] for half in halves], axis=-1).reshape(-1) << s.code_bits
            codes.append(code)
        count, lists = count_row(s), words(count_rom(s).file)
        counts = [count.unpack(lists, walker * count.bits)["entries"] for walker in range(shape.walkers)]
        neuron, outputs = neuron_row(s), words(neuron_rom(s).file)
        by_stream = [neuron.unpack(outputs, stream * neuron.bits) for stream in range(shape.streams)]
        taps = tap_row(s).unpack(words(tap_table(s).file))
        return ProgramImage(
            structure=s,
            descriptors=_descriptors(s, words(program_rom(s).file)),
            offsets=offsets,
            codes=codes,
            counts=np.stack(counts, axis=-1),
            neurons={name: np.stack([rows[name] for rows in by_stream], axis=-1) for name in by_stream[0]},
            taps=[dict(zip(taps, row, strict=True)) for row in zip(*(v.tolist() for v in taps.values()), strict=True)],
            masks=lanes_of(words(mask_table(s).file), shape.lanes),
            table=np.array(words(pixel_rom(s).file), dtype=np.int64).reshape(-1, 256),
        )


def lanes_of(words: Sequence[int], lanes: int) -> Array:
    """Words as uint8 [words, lanes], 0 or 1."""
    raw = b"".join(word.to_bytes(-(-lanes // 8), "little") for word in words)
    packed = np.frombuffer(raw, np.uint8).reshape(len(words), -(-lanes // 8))
    return np.unpackbits(packed, axis=-1, bitorder="little", count=lanes)


def _descriptors(structure: Structure, words: Sequence[int]) -> list[tuple[Kind, dict[str, int]]]:
    descriptors = []
    for packed in Blocks(structure).program.model(words):
        kind, position, fields = Kind(packed & (1 << KIND_BITS) - 1), 0, {}
        for name, width in layout(kind, structure).items():
            fields[name] = packed >> position & (1 << width) - 1
            position += width
        fields |= {name: option.without(name, fields) for name, option in absent(kind, structure).items()}
        descriptors.append((kind, fields))
        if kind is Kind.END:
            break
    return descriptors
