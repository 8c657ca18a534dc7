"""The interpreter's MAC: weight streams, or attention's products, through lanes, neurons and write-back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.compiler.target.descriptors import Mode
from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.nest import Place
from spikewright.sim.program.image import Array, ProgramImage
from spikewright.sim.program.memory import Memories, ProgramFault

Fields = Mapping[str, int]
#: Lanes that are gathered at once: bounds the memory.
MOST_LANES = 1 << 24


@dataclass(frozen=True, eq=False)
class Entries:
    """The entries of a descriptor's lists.

    output: number of each entry's output, row of outputs · streams + stream; bank, offset, code: as the ROMs say;
    other: of the second value.
    """

    output: Array
    bank: Array
    offset: Array
    code: Array
    other: Array

    @property
    def weights(self) -> Entries:
        """Those with a weight."""
        return self.where((self.code != 0) & ~self.other)

    @property
    def seconds(self) -> Entries:
        """Those of the second value."""
        return self.where(self.other)

    @property
    def captures(self) -> Entries:
        """Those that name a word of the residual stream."""
        return self.where(self.code == 0)

    def where(self, mask: Array) -> Entries:
        return Entries(*(column[mask] for column in (self.output, self.bank, self.offset, self.code, self.other)))


@dataclass(frozen=True, eq=False)
class Sums:
    """Finished sums of some places.

    places: their numbers, whole runs of step groups; lanes: int64 [B, places, outputs, lanes]; captured: of each
    residual plane, uint8 of the same shape, none where nothing is captured.
    """

    places: slice
    lanes: Array
    captured: list[Array]


class ListReader:
    """Takes the lists of one descriptor after the other out of the ROMs."""

    def __init__(self, image: ProgramImage) -> None:
        self.image, self.row = image, 0
        self.pointers = np.zeros(image.structure.shape.walkers, np.int64)

    def take(self, rows: int) -> Entries:
        """The lists of the next rows of outputs."""
        image, shape = self.image, self.image.structure.shape
        counts = image.counts[self.row : self.row + rows]
        self.row += rows
        parts = []
        for walker, pointer in enumerate(self.pointers):
            stream, bank = divmod(walker, shape.banks)
            count = counts[:, walker]
            here = slice(pointer, pointer + int(count.sum()))
            offset, code = image.offsets[walker][here], image.codes[walker][here]
            if len(offset) != count.sum():
                raise ProgramFault(f"reads beyond the weights of walker {walker}")
            output = np.repeat(np.arange(rows), count) * shape.streams + stream
            other = (code >> image.structure.code_bits).astype(bool)
            code = code & (1 << image.structure.code_bits) - 1
            parts.append((output, np.full_like(offset, bank), offset, code, other))
        self.pointers += counts.sum(axis=0)
        return Entries(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class MacReader:
    """What one MAC descriptor reads, and its sums.

    issued: (entry, plane) pairs that hold spikes, of each image; pairs: with those skipped.
    """

    def __init__(self, image: ProgramImage, memories: Memories, fields: Fields, lists: ListReader) -> None:
        self.image, self.memories, self.fields = image, memories, fields
        s = self.structure = image.structure
        self.outputs = fields["outputs"] * s.shape.streams
        nest = image.blocks.nest
        self.places = nest.places(fields, "in")
        self.capture_places = nest.places(fields, "capture")
        self.issued = np.zeros(len(memories.words), np.int64)
        self.pairs = 0
        self.read: list[tuple[Array, Array]] = []  # banks and addresses
        self.captured: list[tuple[Array, Array, Array]] = []  # sums, banks and addresses
        self.entries = None if fields["gate"] else lists.take(fields["outputs"])

    def sums(self) -> Iterator[Sums]:
        """Sums of all places, some at a time."""
        groups, lanes = self.fields["groups"], self.structure.shape.lanes
        if self.entries is None:
            width = self.fields["head_rows"] * self.structure.shape.banks
        else:
            keys = self.entries.bank << 32 | self.entries.offset
            width = len(np.unique(keys))
        most = MOST_LANES // max(1, (width + self.outputs) * lanes * len(self.memories.words) * groups)
        step = max(1, most) * groups
        for first in range(0, len(self.places), step):
            part = slice(first, min(first + step, len(self.places)))
            if self.entries is None:
                yield Sums(part, self._gated(part), [])
            else:
                sums = self._weighted(self.entries.weights, part)
                if self.entries.other.any():
                    sums = sums + self._weighted(self.entries.seconds, part, second=True)
                yield Sums(part, sums, self._capture(self.entries.captures, part))

    def _address(self, offset: Array, base: int, places: list[Place]) -> Array:
        """[places, offsets], modulo the address space."""
        start = np.array([base + place.addr for place in places])
        address: Array = (start[:, None] + offset) % (1 << self.structure.address_bits)
        return address

    def _plane(self, bank: Array, address: Array, plane: int, times: Array) -> Array:
        """Words of one plane, uint8 [B, places, offsets, lanes], 0 where silent; each is asked for ``times``."""
        self.memories.check(address + plane, "reads")
        self.read.append((np.broadcast_to(bank, address.shape), address + plane))
        words = self.memories.words[:, bank, address + plane]
        self.pairs += int(times.sum()) * len(address)
        if not self.structure.shape.skip:
            self.issued += int(times.sum()) * len(address)
            return words
        live = self.memories.live[:, bank, address, plane]
        self.issued += (live * times).sum(axis=(1, 2))
        return np.asarray(words * live[..., None])

    def _weighted(self, entries: Entries, part: slice, *, second: bool = False) -> Array:
        """Sums of what the layer reads, or of the second value, times weights."""
        s, fields = self.structure, self.fields
        names = ("capture_planes", "capture_base", "second_pot", "second_signed") if second else (
            "in_planes", "in_base", "pot", "in_signed")  # fmt: skip
        planes, base, pot, signed = (fields[name] for name in names)
        places = self.capture_places if second else self.places
        keys, at = np.unique(entries.bank << 32 | entries.offset, return_inverse=True)
        bank, offset = keys >> 32, keys & (1 << 32) - 1
        values = self.image.blocks.pot.model(entries.code, 0, bool(pot), False)
        if int(np.abs(values).max(initial=0)) << planes - 1 >= 1 << s.value_bits - 1:
            raise ProgramFault(f"a value does not fit {s.value_bits} bits")
        matrix = np.zeros((self.outputs, len(keys)), np.int64)
        np.add.at(matrix, (entries.output, at), values)
        times = np.bincount(at, minlength=len(keys))
        address = self._address(offset, base, places[part])
        total: Array = np.zeros((), np.int32)
        for plane in range(planes):
            sign = -1 if signed and plane == planes - 1 else 1
            total = total + self._plane(bank, address, plane, times) * np.int32(sign << plane)
        total = np.broadcast_to(total, (len(self.memories.words), *address.shape, s.shape.lanes))
        return self.image.blocks.lanes.model(total, matrix[..., None])

    def _capture(self, entries: Entries, part: slice) -> list[Array]:
        """Residual planes of every output."""
        s, fields = self.structure, self.fields
        if fields["mode"] != Mode.RESIDUAL:
            return []
        address = self._address(entries.offset, fields["capture_base"], self.capture_places[part])
        maker = np.arange(part.start, part.stop)[:, None] * self.outputs + entries.output
        nothing, captured = np.zeros((len(self.issued), len(address), self.outputs, s.shape.lanes), np.uint8), []
        for plane in range(fields["capture_planes"]):
            words = nothing.copy()
            words[:, :, entries.output] = self._plane(entries.bank, address, plane, np.ones(len(entries.code), int))
            captured.append((plane, words))
            self.captured.append((maker, *self.read.pop()))
        return self.image.blocks.capture.model(captured, nothing)

    def _gated(self, part: slice) -> Array:
        """Sums of query words times K^T V elements."""
        fields, shape, lanes = self.fields, self.structure.shape, self.image.blocks.lanes
        places, groups = self.places[part], fields["groups"]
        result = np.zeros((len(self.issued), len(places), self.outputs, shape.lanes), np.int64)
        for output in range(fields["outputs"]):
            for stream in range(shape.streams):
                for group in range(groups):
                    bank, row, element = self._gate_list(output, group, stream)
                    if not len(bank):
                        continue
                    address = self._address(row, fields["in_base"], places[group::groups])
                    words = self._plane(bank, address, 0, np.ones(len(bank), int))
                    values = self.memories.products[:, bank, element]  # [B, words, S]
                    sums = lanes.model(words, values[:, None, None])
                    result[:, group::groups, output * shape.streams + stream] = sums[:, :, 0]
        return result

    def _gate_list(self, output: int, group: int, stream: int) -> tuple[Array, Array, Array]:
        """Banks, rows beyond the place, and product addresses of an output's entries."""
        s = self.structure
        entries = []
        for bank in range(s.shape.banks):
            row, element, count = WeightFetch.gated(self.fields, output, group, stream, bank)
            entries += [(bank, row + n, element + n) for n in range(count)]
        bank_of, row_of, element_of = np.array(entries, dtype=np.int64).reshape(-1, 3).T
        if int(element_of.max(initial=0)) >= s.product_depth:
            raise ProgramFault(f"reads product {int(element_of.max())} of {s.product_depth}")
        return bank_of, row_of, element_of
