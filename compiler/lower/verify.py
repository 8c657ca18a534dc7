"""Verifier of a lowered network: every descriptor reads words that stand there, and writes inside its own region.

It follows which buffer owns which word of spike memory, descriptor by descriptor, from the drafts' fields, lists and
taps. A fault is the compiler's own, whatever the network: nothing that fails here is ever written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from spikewright.compiler.front.ops import Attention
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.lowered import PLAN_TAPS, DescriptorDraft, Lowered
from spikewright.compiler.target.descriptors import Kind
from spikewright.errors import CompilerFault

Array = np.ndarray
#: Fields of a PRODUCT that say how the values lie: rows of a head, strides of tiles and step groups.
_VALUE_STRIDES = ("value_rows", "value_tile", "value_group")
#: Banks and word offsets from a buffer's first word, of one shape.
Words = tuple[Array, Array]


def verify_lowered(lowered: Lowered) -> None:
    """CompilerFault, a sentence that names descriptor and buffer, where a program does not keep to its layouts."""
    buffers = list(lowered.buffers.values())
    for one, other in combinations(buffers, 2):
        alive = one.first <= other.last and other.first <= one.last
        if alive and one.base < other.base + other.words and other.base < one.base + one.words:
            raise CompilerFault(f"{one.name} and {other.name} share words while both are alive")
    _check_heads(lowered)
    memory = _Owners(lowered)
    for draft in lowered.descriptors:
        memory.follow(draft)


def _check_heads(lowered: Lowered) -> None:
    """What the attention unit reads lies by head."""
    attentions = {op.name: op for op in lowered.graph.ops if isinstance(op, Attention)}
    for draft in lowered.descriptors:
        op = attentions.get(draft.layer)
        if op is None:
            continue
        layouts = [lowered.buffers[name].layout for name, _ in draft.addresses.values()]
        if not all(layout.lies_by(op.heads, lowered.shape.banks) for layout in layouts):
            raise CompilerFault(f"{op.name}: what it reads does not lie by its {op.heads} heads")


class _Owners:
    """Who wrote each word of each bank last."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.number = {name: i for i, name in enumerate(lowered.buffers)}
        self.owner = np.full((lowered.shape.banks, lowered.bank_depth), -1, np.int32)
        self.ranked = 0  # tokens that the last selector ranked

    def follow(self, draft: DescriptorDraft) -> None:
        """Check what a descriptor reads, then let it write."""
        if draft.kind is Kind.SELECT:
            self.ranked = draft.fields["tokens"]
        for buffer, words in self._reads(draft):
            self._need(draft, buffer, words, "reads")
            bank, offset = words
            strange = self.owner[bank, buffer.base + offset] != self.number[buffer.name]
            if strange.any():
                raise CompilerFault(
                    f"{draft.layer}: its {draft.kind.name} reads words of {buffer.name} that nothing has written"
                )
        for buffer, words in self._writes(draft):
            self._need(draft, buffer, words, "writes")
            bank, offset = words
            self.owner[bank, buffer.base + offset] = self.number[buffer.name]

    def _need(self, draft: DescriptorDraft, buffer: Buffer, words: Words, verb: str) -> None:
        offset = words[1]
        if offset.size and not 0 <= int(offset.min()) <= int(offset.max()) < buffer.words:
            raise CompilerFault(
                f"{draft.layer}: its {draft.kind.name} {verb} beyond the {buffer.words} words of {buffer.name}"
            )

    def _place(self, draft: DescriptorDraft, field: str) -> tuple[Buffer, int]:
        name, offset = draft.addresses[field]
        return self.lowered.buffers[name], offset

    def _reads(self, draft: DescriptorDraft) -> Iterator[tuple[Buffer, Words]]:
        fields = draft.fields
        if draft.kind is Kind.MOVE:
            yield self._moved(draft, "source")
        elif draft.kind is Kind.PRODUCT:
            for side, names in (("key", ("rows", "tile_stride", "group_stride")), ("value", _VALUE_STRIDES)):
                rows, *strides = names
                buffer, start = self._place(draft, side)
                yield buffer, self._heads(draft, buffer, start, fields[rows], _grid(fields, *strides))
        elif draft.kind is Kind.MAC:
            if fields["gate"]:
                buffer, start = self._place(draft, "in_base")
                yield buffer, self._heads(draft, buffer, start, fields["head_rows"], _places(fields, "in"))
                return
            for side in ("in", "capture"):
                if f"{side}_base" in draft.addresses:
                    buffer, start = self._place(draft, f"{side}_base")
                    bank, offset = _entries(draft, capture=side == "capture")
                    planes = np.arange(fields[f"{side}_planes"])
                    yield buffer, _all(bank, start + offset, _places(fields, side), planes)

    def _writes(self, draft: DescriptorDraft) -> Iterator[tuple[Buffer, Words]]:
        fields = draft.fields
        banks = np.arange(self.lowered.shape.banks)
        if draft.kind is Kind.LOAD:
            buffer, start = self._place(draft, "base")
            channels = np.arange(fields["channels"]) * fields["channel_stride"]
            y, x = np.arange(fields["rows"])[:, None], np.arange(fields["columns"])
            inner = y * ((fields["columns"] - 1) * fields["x_step"] + fields["y_step"]) + x * fields["x_step"]
            tiles = np.arange(fields["tiles"]) * fields["tile_stride"]
            groups = np.arange(fields["groups"]) * fields["group_stride"]
            offset = (channels[:, None, None] + inner.reshape(-1, 1) + tiles).reshape(-1, 1) + groups
            offset = offset.reshape(-1) + start
            yield buffer, _all(banks, np.zeros_like(banks), offset, np.arange(fields["planes"]))
        elif draft.kind is Kind.MOVE:
            yield self._moved(draft, "target")
        elif draft.target is not None:
            buffer = self.lowered.buffers[draft.target]
            outputs = [output for row in draft.outputs for output in row if output.enable]
            bank, target = np.array([(output.bank, output.target) for output in outputs], dtype=np.int64).T
            places = _places(fields, "out")
            if fields["fold"]:
                rows = np.arange(self.lowered.shape.steps) * fields["out_fold"]
                groups = np.arange(fields["fold_groups"]) * fields["out_group"]
                places = (places[:, None, None] + rows[:, None] + groups).reshape(-1)
            yield buffer, _all(bank, target, places, np.arange(fields["out_planes"]))

    def _heads(self, draft: DescriptorDraft, buffer: Buffer, start: int, rows: int, places: Array) -> Words:
        """Words of the channels of the heads from ``start`` on, ``rows`` each; what only fills them is not counted."""
        outputs = draft.fields["heads"] if draft.kind is Kind.PRODUCT else _heads_of(draft)
        own = range(start, start + outputs * rows)
        slots = [(bank, row) for bank, row in buffer.layout.placement.slots if row in own]
        if len(slots) != outputs * len(buffer.layout.placement.slots) * rows // buffer.layout.rows:
            raise CompilerFault(f"{draft.layer}: its heads are not where {buffer.name} has them")
        bank, row = np.array(slots).T
        return _all(bank, row, places, np.zeros(1, int))

    def _moved(self, draft: DescriptorDraft, side: str) -> tuple[Buffer, Words]:
        """Words of channels that a MOVE reads or writes; rows without a channel are not counted."""
        fields = draft.fields
        buffer, start = self._place(draft, side)
        bank, row = np.array(buffer.layout.placement.slots).T
        if buffer.layout.replicated:
            bank, row = (part.reshape(-1) for part in np.meshgrid(np.arange(self.lowered.shape.banks), row))
        tile, offset = np.array(sorted(self._taps(draft, side)), dtype=np.int64).reshape(-1, 2).T
        group = np.arange(fields["groups"]) * fields[f"{side}_group"]
        places = ((start + offset + tile * fields[f"{side}_tile"])[:, None] + group).reshape(-1)
        planes = 1 if side == "source" and fields["counts"] else fields["planes"]
        return buffer, _all(bank, row * fields[f"{side}_row"], places, np.arange(planes))

    def _taps(self, draft: DescriptorDraft, side: str) -> set[tuple[int, int]]:
        """Tiles and offsets of the taps that bring lanes (source), or of the words that are made (target)."""
        fields, table = draft.fields, self.lowered.table
        name, _ = draft.addresses.get("table", ("", 0))
        if name == PLAN_TAPS:  # the selector's plan: any tile to any tile that is left
            layout = self._place(draft, side)[0].layout
            tiles = self.lowered.shape.tiles(self.ranked) if side == "source" else fields["words"]
            return {(0, tile * layout.tile_stride) for tile in range(tiles)}
        taps = table.taps[fields["table"] : fields["table"] + fields["words"] * fields["taps"]]
        if side == "target":
            return {(tile, tap.target) for tap in taps[:: fields["taps"]] for tile in range(fields["tiles"])}
        return {
            (tile, tap.source)
            for tap in taps
            for tile in range(fields["tiles"])
            if table.masks[tap.mask + tile * fields["mask_tile"]]
        }


def _heads_of(draft: DescriptorDraft) -> int:
    return draft.fields["outputs"] // draft.fields["head_outputs"]


def _grid(fields: Mapping[str, int], tile: str, group: str) -> Array:
    tiles = np.arange(fields["tiles"])[:, None] * fields[tile]
    return (tiles + np.arange(fields["groups"]) * fields[group]).reshape(-1)


def _places(fields: Mapping[str, int], side: str) -> Array:
    """Offsets of all places of a MAC's loop nest."""
    y, x = np.arange(fields["rows"])[:, None], np.arange(fields["columns"])
    inner = y * ((fields["columns"] - 1) * fields[f"{side}_x"] + fields[f"{side}_y"]) + x * fields[f"{side}_x"]
    outer = _grid(fields, f"{side}_tile", f"{side}_group")
    return np.unique(inner.reshape(-1, 1) + outer)


def _entries(draft: DescriptorDraft, *, capture: bool) -> Words:
    """Banks and offsets of all entries of the layer's input, or of those of another value; each once."""
    words = {
        (bank, entry.offset)
        for row in draft.outputs
        for output in row
        for bank, entries in enumerate(output.lists)
        for entry in entries
        if entry.weight != capture
    }
    pairs = np.array(sorted(words), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _all(bank: Array, offset: Array, places: Array, planes: Array) -> Words:
    """Every word at every place, each plane."""
    offsets = offset[:, None, None] + places[:, None] + planes
    return np.broadcast_to(bank[:, None, None], offsets.shape), offsets
