"""Traces: what the accelerator wrote, read back as the values of the network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.compiler.buffers import Buffer
from spikewright.compiler.descriptors import Kind
from spikewright.compiler.ir import Value
from spikewright.compiler.program import Program, ValueHome

WRITE, WORD, KEPT = 0, 1, 2


@dataclass(frozen=True)
class Records:
    """Everything seen in a run, in order.

    kind: WRITE (a word into spike memory), WORD (a finished spike word), KEPT (a kept token); descriptor: number in the
    program; port: bank or stream; addr: word address or token index; lanes: bool [n, lanes].
    """

    kind: np.ndarray
    descriptor: np.ndarray
    port: np.ndarray
    addr: np.ndarray
    lanes: np.ndarray

    def select(self, mask: np.ndarray) -> "Records":
        return Records(*(getattr(self, n)[mask] for n in ("kind", "descriptor", "port", "addr", "lanes")))


def read_records(path: Path, lanes: int) -> Records:
    """Records of ``trace.bin`` (see ``verilog/accelerator_bench.sv``)."""
    pieces = -(-lanes // 32)
    raw = np.fromfile(path, dtype="<u4")
    raw = raw[: raw.size // (2 + pieces) * (2 + pieces)].reshape(-1, 2 + pieces)
    head = raw[:, 0]
    bits = np.unpackbits(np.ascontiguousarray(raw[:, 2:]).view(np.uint8), axis=1, bitorder="little")[:, :lanes]
    return Records((head >> 24).astype(int), (head & 0xFFFF).astype(int), ((head >> 16) & 0xFF).astype(int), raw[:, 1].astype(int), bits.astype(bool))


def split_images(records: Records, images: int) -> list[Records]:
    """One ``Records`` an image: the descriptor number falls back at the start of each."""
    starts = np.flatnonzero(np.diff(records.descriptor) < 0) + 1
    bounds = [0, *starts.tolist(), len(records.descriptor)]
    if len(bounds) - 1 != images:
        raise ValueError(f"the trace holds {len(bounds) - 1} images, not {images}")
    index = np.arange(len(records.descriptor))
    return [records.select((index >= a) & (index < b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def observed_values(program: Program, records: Records) -> dict[str, np.ndarray]:
    """Every value of one image, int [T, N, C]: those in spike memory, and the spikes of layers that feed an add."""
    structure = program.structure
    shape = structure.shape
    memory = np.zeros((shape.banks, structure.bank_depth, shape.lanes), bool)
    found: dict[str, np.ndarray] = {}
    writes = records.select(records.kind == WRITE)
    homes = sorted(program.value_homes.items(), key=lambda item: item[1].ready)
    position = 0
    for name, home in homes:
        end = int(np.searchsorted(writes.descriptor, home.ready, side="right"))
        part = slice(position, end)
        memory[writes.port[part], writes.addr[part]] = writes.lanes[part]
        position = end
        found[name] = read_value(memory, home, program.lowered.graph.values[name], program)
    for name in program.word_streams:
        if name not in found:
            found[name] = read_words(program, name, records)
    for step_number, step in enumerate(program.steps):
        if step.kind is Kind.SELECT:
            mask = (records.kind == KEPT) & (records.descriptor == step_number)
            found[f"{step.layer}.kept"] = records.addr[mask]
    return found


def _tokens(value: Value, program: Program) -> np.ndarray:
    """[slots, rows, columns] token index of each position of each token slot."""
    if value.grid is None:
        return np.arange(value.tokens).reshape(-1, 1, 1)
    grids = [v.grid for v in program.lowered.graph.values.values() if v.grid is not None]
    rows, columns = min(grids, key=lambda g: g[0] * g[1])
    high, wide = value.grid[0] // rows, value.grid[1] // columns
    index = np.arange(value.tokens).reshape(rows, high, columns, wide)
    return index.transpose(0, 2, 1, 3).reshape(rows * columns, high, wide)


def read_value(memory: np.ndarray, home: ValueHome, value: Value, program: Program) -> np.ndarray:
    """A value out of spike memory (bool [banks, depth, lanes])."""
    shape = program.structure.shape
    buffer: Buffer = home.buffer
    tokens = _tokens(value, program)
    slots, rows, columns = tokens.shape
    result = np.zeros((value.steps, value.tokens, value.channels), np.int32)
    banks = np.array([b for b, _ in buffer.placement.slots])
    bank_rows = np.array([r for _, r in buffer.placement.slots])
    for y in range(rows):
        for x in range(columns):
            for tile in range(-(-slots // shape.tokens)):
                first = tile * shape.tokens
                here = min(shape.tokens, slots - first)
                for group in range(-(-value.steps // shape.steps)):
                    steps = min(shape.steps, value.steps - group * shape.steps)
                    base = buffer.base + (tile * buffer.groups + group) * buffer.block
                    address = base + buffer.offset(0, y, x) + bank_rows * buffer.row_words
                    total = np.zeros((value.channels, shape.lanes), np.int32)
                    for plane in range(home.planes):
                        weight = 1 << plane
                        if home.signed and plane == home.planes - 1:
                            weight = -weight
                        total += weight * memory[banks, address + plane]
                    lanes = total.reshape(value.channels, shape.tokens, shape.steps)[:, :here, :steps]
                    place = tokens[first : first + here, y, x]
                    result[group * shape.steps : group * shape.steps + steps, place] = lanes.transpose(2, 1, 0)
    return result


def read_words(program: Program, name: str, records: Records) -> np.ndarray:
    """Spikes [T, N, C] of a layer, from the words in the order in which they were finished."""
    graph, shape = program.lowered.graph, program.structure.shape
    value = graph.values[name]
    tokens = _tokens(value, program)
    slots, rows, columns = tokens.shape
    result = np.zeros((value.steps, value.tokens, value.channels), np.int32)
    tiles, groups = -(-slots // shape.tokens), -(-value.steps // shape.steps)
    for stream_words in program.word_streams[name]:
        fields = program.steps[stream_words.step].fields
        if fields["fold"]:
            raise ValueError(f"{name}: words of a folded layer are read from spike memory")
        for stream in range(shape.streams):
            mask = (records.kind == WORD) & (records.descriptor == stream_words.step) & (records.port == stream)
            lanes = records.lanes[mask].reshape(-1, rows, columns, tiles, groups, shape.tokens, shape.steps)
            channels = [group[stream] for group in stream_words.channels if group[stream] >= 0]
            if len(channels) != lanes.shape[0]:
                raise ValueError(f"{name}: {lanes.shape[0]} outputs finished in stream {stream}, not {len(channels)}")
            for tile in range(tiles):
                here = min(shape.tokens, slots - tile * shape.tokens)
                place = tokens[tile * shape.tokens : tile * shape.tokens + here]
                for group in range(groups):
                    steps = min(shape.steps, value.steps - group * shape.steps)
                    part = lanes[:, :, :, tile, group, :here, :steps]  # [C, y, x, slot, step]
                    for t in range(steps):
                        values = part[..., t].transpose(3, 1, 2, 0)  # [slot, y, x, C]
                        result[group * shape.steps + t, place[..., None], np.array(channels)] = values
    return result
