"""Traces: what the accelerator wrote, read back as the values of the network.

Which word is written when does not depend on the image, so the place of every value in the trace is worked out once
and then gathered for all images together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from spikewright.compiler.trace_map import Home, TracedShape, TraceMap
from spikewright.errors import PlainError

WRITE, WORD, KEPT = 0, 1, 2

Array = np.ndarray


class TraceError(PlainError):
    """A trace is not that of the program: words are missing, or there are too many; the text is one sentence."""


@dataclass(frozen=True, eq=False)
class Records:
    """Everything seen in a run, in order.

    kind: WRITE (a word into spike memory), WORD (a finished spike word), KEPT (a kept token); descriptor: number in the
    program; port: bank or stream; addr: word address or token index; packed: uint8 [n, bytes], the lanes, lowest first.
    """

    kind: Array
    descriptor: Array
    port: Array
    addr: Array
    packed: Array
    count: int  # lanes of a word

    @property
    def lanes(self) -> Array:
        """bool [n, lanes]."""
        return _lanes(self.packed, self.count).astype(bool)

    def select(self, mask: Array | slice) -> "Records":
        kind, descriptor, port, addr, packed = (
            getattr(self, n)[mask] for n in ("kind", "descriptor", "port", "addr", "packed")
        )
        return Records(kind, descriptor, port, addr, packed, self.count)

    def __len__(self) -> int:
        return len(self.kind)


def _lanes(packed: Array, lanes: int) -> Array:
    return np.unpackbits(packed, axis=-1, bitorder="little", count=lanes)


def read_records(path: Path, lanes: int) -> Records:
    """Records of ``trace.bin`` (see ``sim/benches/accelerator_bench.sv``)."""
    pieces = -(-lanes // 32)
    raw = np.fromfile(path, dtype="<u4")
    raw = raw[: raw.size // (2 + pieces) * (2 + pieces)].reshape(-1, 2 + pieces)
    head = raw[:, 0]
    return Records(
        (head >> 24).astype(np.uint8),
        (head & 0xFFFF).astype(np.int32),
        ((head >> 16) & 0xFF).astype(np.int16),
        raw[:, 1].astype(np.int64),
        np.ascontiguousarray(raw[:, 2:]).view(np.uint8),
        lanes,
    )


def split_images(records: Records, images: int) -> list[Records]:
    """One ``Records`` an image: the descriptor number falls back at the start of each."""
    starts = np.flatnonzero(np.diff(records.descriptor) < 0) + 1
    bounds = [0, *starts.tolist(), len(records)]
    if len(bounds) - 1 != images:
        raise TraceError(f"the trace holds {len(bounds) - 1} images, not {images}")
    return [records.select(slice(a, b)) for a, b in pairwise(bounds)]


def read_values(trace_map: TraceMap, images: list[Records]) -> dict[str, Array]:
    """Every value of some images, int [B, T, N, C], and ``LAYER.kept``, the tokens a selector kept, int [B, keep].

    Values are those in spike memory, and the spikes of layers that feed an add.
    """
    values_of: dict[str, Array] = {}
    for members in _alike(images):
        packed = np.stack([images[i].packed for i in members])
        kept = np.stack([images[i].addr for i in members])
        for name, values in _Reader(trace_map, images[members[0]], packed, kept).all():
            if name not in values_of:
                values_of[name] = np.zeros((len(images), *values.shape[1:]), values.dtype)
            elif values_of[name].shape[1:] != values.shape[1:]:
                raise TraceError(
                    f"{name}: {values.shape[1:]} values in one image, {values_of[name].shape[1:]} in another"
                )
            values_of[name][members] = values
    return values_of


def _alike(images: list[Records]) -> list[list[int]]:
    """Images whose words came in the same order, together."""
    groups: dict[bytes, list[int]] = {}
    for i, image in enumerate(images):
        address = np.where(image.kind == KEPT, 0, image.addr)
        key = b"".join(part.tobytes() for part in (image.kind, image.descriptor, image.port, address))
        groups.setdefault(key, []).append(i)
    return list(groups.values())


class _Reader:
    """Images whose words came in one order.

    packed: uint8 [B, n, bytes]; kept: int [B, n], addresses.
    """

    def __init__(self, trace_map: TraceMap, order: Records, packed: Array, kept: Array) -> None:
        self.trace_map, self.order, self.packed, self.kept = trace_map, order, packed, kept

    def all(self) -> Iterator[tuple[str, Array]]:
        trace_map, order = self.trace_map, self.order
        # record that wrote each word last; -1: none
        last = np.full((trace_map.banks, trace_map.bank_depth), -1, np.int64)
        writes = np.flatnonzero(order.kind == WRITE)
        descriptors = order.descriptor[writes]
        position, seen = 0, set()
        for name, home in sorted(trace_map.homes.items(), key=lambda named: named[1].ready):
            end = int(np.searchsorted(descriptors, home.ready, side="right"))
            part = writes[position:end]
            if part.size and int(order.addr[part].max()) >= trace_map.bank_depth:
                raise TraceError(f"{name}: a word was written beyond the {trace_map.bank_depth} words of a bank")
            last[order.port[part], order.addr[part]] = part
            position = max(position, end)
            seen.add(name)
            yield name, self.value(last, home, trace_map.shapes[name])
        for name in trace_map.words:
            if name not in seen:
                yield name, self.words(name)
        for number, layer in trace_map.selects:
            mask = (order.kind == KEPT) & (order.descriptor == number)
            yield f"{layer}.kept", self.kept[:, mask]

    def tokens(self, shape: TracedShape) -> Array:
        """[slots, rows, columns] token index of each position of each token slot."""
        if shape.grid is None:
            return np.arange(shape.tokens).reshape(-1, 1, 1)
        rows, columns = self.trace_map.token_grid
        high, wide = shape.grid[0] // rows, shape.grid[1] // columns
        index = np.arange(shape.tokens).reshape(rows, high, columns, wide)
        return index.transpose(0, 2, 1, 3).reshape(rows * columns, high, wide)

    def gather(self, index: Array) -> Array:
        """Lanes of the words of records ``index`` (-1: zeros): uint8 [B, *index.shape, tokens, steps]."""
        words = self.packed[:, index] if len(self.order) else np.zeros((1, *index.shape, 1), np.uint8)
        words = np.where((index >= 0)[None, ..., None], words, 0)
        lanes = _lanes(words, self.trace_map.lanes)
        return lanes.reshape(*lanes.shape[:-1], self.trace_map.tokens, self.trace_map.steps)

    def value(self, last: Array, home: Home, shape: TracedShape) -> Array:
        """A value out of spike memory."""
        trace_map = self.trace_map
        tokens = self.tokens(shape)
        slots, rows, columns = tokens.shape
        tiles, groups = -(-slots // trace_map.tokens), -(-shape.steps // trace_map.steps)
        banks, offsets = (np.array([slot[i] for slot in home.slots]) for i in range(2))
        at = np.arange(rows)[:, None, None, None, None] * home.y_stride
        at = at + np.arange(columns)[:, None, None, None] * home.x_stride
        at = at + np.arange(tiles)[:, None, None] * home.tile_stride
        at = at + np.arange(groups)[:, None] * home.group_stride
        address = home.base + at + offsets * home.row_stride  # [y, x, tile, group, channel]
        total: Array = np.zeros(0)
        for plane in range(home.planes):
            lanes = self.gather(last[banks, address + plane])
            weight = -(1 << plane) if home.signed and plane == home.planes - 1 else 1 << plane
            if home.planes == 1:
                total = lanes.astype(np.int8) * np.int8(weight)
            elif plane == 0:
                total = lanes.astype(np.int32) * weight
            else:
                total += lanes.astype(np.int32) * weight
        return self.place(total, tokens, shape)

    def place(self, lanes: Array, tokens: Array, shape: TracedShape) -> Array:
        """[B, y, x, tile, group, channel, slot, step] → [B, T, N, C]."""
        slots = tokens.shape[0]
        count, rows, columns, tiles, groups, channels, _, _ = lanes.shape
        # [B, group, step, tile, slot, y, x, C]
        lanes = lanes.transpose(0, 4, 7, 3, 6, 1, 2, 5)
        lanes = lanes.reshape(
            count, groups * self.trace_map.steps, tiles * self.trace_map.tokens, rows, columns, channels
        )
        result = np.zeros((count, shape.steps, shape.tokens, channels), lanes.dtype)
        result[:, :, tokens.reshape(-1)] = lanes[:, : shape.steps, :slots].reshape(count, shape.steps, -1, channels)
        return result

    def words(self, name: str) -> Array:
        """Spikes of a layer, from the words in the order in which they were finished."""
        trace_map, order, shape = self.trace_map, self.order, self.trace_map.shapes[name]
        tokens = self.tokens(shape)
        slots, rows, columns = tokens.shape
        tiles, groups = -(-slots // trace_map.tokens), -(-shape.steps // trace_map.steps)
        result = np.zeros((len(self.packed), shape.steps, shape.tokens, shape.channels), np.int8)
        for part in trace_map.words[name]:
            if trace_map.descriptors[part.descriptor].folded:
                raise TraceError(f"{name}: words of a folded layer are read from spike memory")
            for stream in range(trace_map.streams):
                mask = (order.kind == WORD) & (order.descriptor == part.descriptor) & (order.port == stream)
                index = np.flatnonzero(mask)
                channels = [group[stream] for group in part.channels if group[stream] >= 0]
                places = rows * columns * tiles * groups
                if len(index) != len(channels) * places:
                    raise TraceError(
                        f"{name}: {len(index)} words finished in stream {stream}, not {len(channels) * places}"
                    )
                index = index.reshape(-1, rows, columns, tiles, groups).transpose(1, 2, 3, 4, 0)
                result[..., channels] = self.place(self.gather(index).astype(np.int8), tokens, shape)
        return result
