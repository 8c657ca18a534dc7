"""Traces: what the accelerator wrote, read back as the values of the network.

Which word is written when does not depend on the image, so the place of every value in the trace is worked out once
and then gathered for all images together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from spikewright.compiler.trace_map import TraceMap
from spikewright.errors import PlainError
from spikewright.sim.values import ValueReader

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


class _Reader(ValueReader):
    """Images whose words came in one order.

    packed: uint8 [B, n, bytes]; kept: int [B, n], addresses.
    """

    def __init__(self, trace_map: TraceMap, order: Records, packed: Array, kept: Array) -> None:
        super().__init__(trace_map)
        self.order, self.packed, self.kept = order, packed, kept

    def all(self) -> Iterator[tuple[str, Array]]:
        trace_map, order = self.trace_map, self.order
        # record that wrote each word last; -1: none
        last = np.full((trace_map.banks, trace_map.bank_depth), -1, np.int64)
        writes = np.flatnonzero(order.kind == WRITE)
        descriptors = order.descriptor[writes]
        position = 0
        for name, home in sorted(trace_map.homes.items(), key=lambda named: named[1].ready):
            end = int(np.searchsorted(descriptors, home.ready, side="right"))
            part = writes[position:end]
            if part.size and int(order.addr[part].max()) >= trace_map.bank_depth:
                raise TraceError(f"{name}: a word was written beyond the {trace_map.bank_depth} words of a bank")
            last[order.port[part], order.addr[part]] = part
            position = max(position, end)
            yield name, self.value(home, trace_map.shapes[name], lambda banks, at: self.gather(last[banks, at]))
        for name in trace_map.words:
            yield name, self.finished(name)
        for number, layer in trace_map.selects:
            mask = (order.kind == KEPT) & (order.descriptor == number)
            yield f"{layer}.kept", self.kept[:, mask]

    def gather(self, index: Array) -> Array:
        """Words of records ``index`` (-1: zeros): uint8 [B, *index.shape, lanes]."""
        words = self.packed[:, index] if len(self.order) else np.zeros((1, *index.shape, 1), np.uint8)
        words = np.where((index >= 0)[None, ..., None], words, 0)
        return _lanes(words, self.trace_map.lanes)

    def finished(self, name: str) -> Array:
        """Spikes of a layer, from the words in the order in which they were finished."""
        trace_map, order, shape = self.trace_map, self.order, self.trace_map.shapes[name]
        places, finished = self.places(shape), trace_map.words[name]
        result = np.zeros((len(self.packed), shape.steps, shape.tokens, shape.channels), np.int8)
        for stream in range(trace_map.streams):
            mask = (order.kind == WORD) & (order.descriptor == finished.descriptor) & (order.port == stream)
            index = np.flatnonzero(mask)
            channels = [group[stream] for group in finished.channels if group[stream] >= 0]
            if len(index) != len(channels) * prod(places):
                raise TraceError(
                    f"{name}: {len(index)} words finished in stream {stream}, not {len(channels) * prod(places)}"
                )
            if channels:
                index = index.reshape(-1, *places).transpose(1, 2, 3, 4, 0)
                result[..., channels] = self.place(self.gather(index).astype(np.int8), shape)
        return result
