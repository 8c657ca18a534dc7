"""Damage to tensors behind a header that stays valid, and to the header and the bytes of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikewright.sim.stimulus.hostile.bases import Rng
from spikewright.sim.stimulus.hostile.network_faults import TEXTS
from spikewright.sim.stimulus.hostile.writer import DTYPES, Array, FileDraft


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _name(rng: Rng, draft: FileDraft) -> str:
    return str(_one(rng, sorted(draft.tensors)))


def dtype(rng: Rng, draft: FileDraft) -> None:
    name = _name(rng, draft)
    with np.errstate(all="ignore"):
        draft.tensors[name] = draft.tensors[name].astype(_one(rng, list(DTYPES)))


def shape(rng: Rng, draft: FileDraft) -> None:
    name = _name(rng, draft)
    tensor = np.atleast_1d(draft.tensors[name])
    ones = int(rng.choice([1, 2, 3, 30])) if tensor.ndim < 5 else 0
    changed = (
        tensor.T, tensor.reshape(-1), tensor.reshape(*tensor.shape, *[1] * ones), tensor[None], tensor[:0], tensor[:-1],
        np.concatenate([tensor, tensor]), tensor.sum(dtype=tensor.dtype),
    )  # fmt: skip
    draft.tensors[name] = np.array(_one(rng, changed))


def lost(rng: Rng, draft: FileDraft) -> None:
    del draft.tensors[_name(rng, draft)]


def unasked(rng: Rng, draft: FileDraft) -> None:
    name = _one(
        rng, (*(text for text in TEXTS if text.isascii()), "record.labels", f"{_name(rng, draft)}.bits", "x.codes")
    )
    draft.tensors[name] = np.zeros(int(rng.integers(0, 4)), _one(rng, ("int8", "int16", "float32")))


def extreme(rng: Rng, draft: FileDraft) -> None:
    """Values at the ends of a dtype, or of what is allowed."""
    name = _name(rng, draft)
    tensor = draft.tensors[name]
    if tensor.dtype.kind == "f":
        draft.tensors[name] = np.full_like(tensor, _one(rng, (np.nan, np.inf, -1, 0, 1e-45, 3e38)))
        return
    ends = np.iinfo(tensor.dtype)
    value = int(
        _one(rng, (ends.min, ends.max, 0, 1, -1, ends.min + 1, int(tensor.min(initial=0)), int(tensor.max(initial=0))))
    )
    draft.tensors[name] = np.full_like(tensor, value)


def thresholds(rng: Rng, draft: FileDraft) -> None:
    """Allowed extremes, all over the network."""
    for name, tensor in draft.tensors.items():
        if name.endswith((".threshold", ".bias")) and tensor.any() and tensor.dtype == np.int32:
            low = 1 if name.endswith(".threshold") else -(2**31)
            draft.tensors[name] = np.full_like(tensor, int(_one(rng, (low, 2**31 - 1))))


def packed_wrong(rng: Rng, draft: FileDraft) -> None:
    codes = [name for name in draft.tensors if name.endswith(".codes")]
    if not codes:
        return
    name = str(_one(rng, codes))
    flat = draft.tensors[name].reshape(-1)
    bits: Array = np.packbits(flat != 0, bitorder="little").view(np.int8)
    kept: Array = flat[flat != 0].astype(np.int8)
    kind = int(rng.integers(8))
    if kind != 7:
        del draft.tensors[name]
    wrong_bits: dict[int, Array] = {0: bits[:-1], 1: ~bits, 2: np.append(bits, bits), 3: bits.astype(np.int16)}
    wrong_kept: dict[int, Array] = {4: kept[:-1], 5: np.zeros_like(kept), 6: kept.astype(np.float32)}
    draft.tensors |= {f"{name}.bits": wrong_bits.get(kind, bits), f"{name}.kept": wrong_kept.get(kind, kept)}


def record(rng: Rng, draft: FileDraft) -> None:
    lengths = _one(rng, ((3, 3, 3), (0, 0, 0), (2, 3, 3), (3, 3)))
    for part, length in zip(("labels", "float", "quantised"), lengths, strict=False):
        draft.tensors[f"record.{part}"] = np.full(length, _one(rng, (0, 1, -1, 30_000)), np.int16)


TENSORS: dict[str, Callable[[Rng, FileDraft], None]] = {
    fault.__name__: fault
    for fault in (dtype, shape, lost, unasked, extreme, thresholds, packed_wrong, record)
}  # fmt: skip

WRONG_OFFSETS: tuple[Any, ...] = (
    [0, 0],
    [-1, 1],
    [5, 2],
    [0, 2**63],
    [2**64, 2**64 + 1],
    [0],
    [],
    None,
    "0",
    [0.0, 1.0],
)
WRONG_SHAPES: tuple[Any, ...] = ([], [0], [-1], [1] * 100, [2**63], [0, 2**62], [2**32, 2**32], None, "1", [1.5], [[1]])
WRONG_DTYPES: tuple[Any, ...] = ("I64", "BF16", "F8_E4M3", "F4", "i8", "", "x" * 1000, None, 3, [])


def entry(rng: Rng, draft: FileDraft) -> None:
    """A header's entry lies."""
    name, field = _name(rng, draft), str(_one(rng, ("dtype", "shape", "data_offsets")))
    wrong = _one(rng, {"dtype": WRONG_DTYPES, "shape": WRONG_SHAPES, "data_offsets": WRONG_OFFSETS}[field])
    missing = rng.random() < 0.1

    def change(entries: dict[str, Any]) -> None:
        if missing:
            del entries[name][field]
        else:
            entries[name][field] = wrong

    draft.header.append(change)


def offsets(rng: Rng, draft: FileDraft) -> None:
    """Two tensors overlap, change places, or leave a hole."""
    names = [_name(rng, draft) for _ in range(2)]
    by = int(rng.integers(-3, 4))

    def change(entries: dict[str, Any]) -> None:
        first, second = (entries[name] for name in names)
        if by % 2:
            first["data_offsets"] = [int(offset) + by for offset in first["data_offsets"]]
        else:
            first["data_offsets"], second["data_offsets"] = second["data_offsets"], first["data_offsets"]

    draft.header.append(change)


def metadata(rng: Rng, draft: FileDraft) -> None:
    wrong = _one(
        rng, (None, {}, [], {"format": "pt"}, {"spikewright": 1}, {"spikewright": "{}", "x": "y"}, "spikewright")
    )
    draft.header.append(lambda entries: entries.update({"__metadata__": wrong}))


def entry_twice(rng: Rng, draft: FileDraft) -> None:
    name = f'"{_name(rng, draft)}": '
    draft.header_text.append(
        lambda text: text.replace(name, f'{name}{{"dtype": "I8", "shape": [0], "data_offsets": [0, 0]}}, {name}', 1)
    )


def header_text(rng: Rng, draft: FileDraft) -> None:
    kind, cut = int(rng.integers(7)), rng.random()
    changes: tuple[Callable[[str], str], ...] = (
        lambda text: text[: int(len(text) * cut)],
        lambda text: text + " " * 1000,
        lambda text: "\ufeff" + text,
        lambda text: text.replace('"dtype"', '"\ud800"', 1),
        lambda text: "[" * 100_000,
        lambda text: text.replace("{", '{"deep": ' + "[" * 300 + "]" * 300 + ", ", 1),
        lambda text: "{}",
    )
    draft.header_text.append(changes[kind])


def whole(rng: Rng, draft: FileDraft) -> None:
    kind, seed, cut = int(rng.integers(8)), int(rng.integers(2**31)), rng.random()
    length = int(_one(rng, (0, 1, 7, 100, 2**23 + 1, 100_000_001, 2**62, 2**63, 2**64 - 1)))

    def flipped(data: bytes) -> bytes:
        damaged, random = bytearray(data), np.random.default_rng(seed)
        for _ in range(int(random.integers(1, 9)) if data else 0):
            damaged[int(random.integers(len(damaged)))] ^= 1 << int(random.integers(8))
        return bytes(damaged)

    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda data: data[: int(len(data) * cut)],
        flipped,
        flipped,
        lambda data: length.to_bytes(8, "little") + data[8:],
        lambda data: data[: int(len(data) * cut)] + b"\0\xff\n" + data[int(len(data) * cut) :],
        lambda data: data + b"\0" * 17,
        lambda data: np.random.default_rng(seed).bytes(int(cut * 3000)),
        lambda data: b"",
    )
    draft.whole.append(changes[kind])


FILES: dict[str, Callable[[Rng, FileDraft], None]] = {
    fault.__name__: fault for fault in (entry, offsets, metadata, entry_twice, header_text, whole)
}
