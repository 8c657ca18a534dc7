"""The file of a model package: a safetensors file, checked before anything in it is believed."""

from __future__ import annotations

import json
import stat
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from spikewright.echo import quoted, shown
from spikewright.models.package_check import Array, PackageError
from spikewright.models.package_limits import DIMENSIONS, FILE_BYTES, HEADER_BYTES, NESTING

#: The one key of ``__metadata__``; its value is the JSON text of the network.
KEY = "spikewright"
DTYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "F32": "<f4"}


def read_bytes(path: Path) -> bytes:
    """All bytes of a file that is small enough; PackageError, OSError."""
    there = path.stat()
    if not stat.S_ISREG(there.st_mode) and not stat.S_ISDIR(there.st_mode):
        raise PackageError("is not a regular file")
    if there.st_size > FILE_BYTES:
        raise PackageError(f"the file has {there.st_size} bytes; allowed are at most {FILE_BYTES}")
    return path.read_bytes()


def parse_file(data: bytes) -> tuple[str, dict[str, Array]]:
    """The JSON text of the network, and the tensors as they are stored; PackageError where the file is not whole."""
    length = int.from_bytes(data[:8], "little")
    if HEADER_BYTES < length <= len(data) - 8:
        raise PackageError(f"the header has {length} bytes; allowed are at most {HEADER_BYTES}")
    try:
        entries: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
        header = strict_json(data[8 : 8 + length].decode())
    except (safetensors.SafetensorError, ValueError) as error:
        fault = shown(str(error), 120)
        raise PackageError(f"not a whole safetensors file ({fault}); the file is truncated or not a package") from None
    metadata = header.get("__metadata__") or {}
    if list(metadata) != [KEY]:
        raise PackageError(f"header: __metadata__ must have the one key {KEY!r}, not {quoted(sorted(metadata))}")
    return metadata[KEY], {name: _tensor(name, entry) for name, entry in sorted(entries)}


def _tensor(name: str, entry: dict[str, Any]) -> Array:
    dtype, shape = entry["dtype"], entry["shape"]
    if dtype not in DTYPES:
        raise PackageError(f"tensor {quoted(name)}: has dtype {shown(dtype)}; allowed are {', '.join(DTYPES)}")
    # without its zeros: NumPy cannot hold [0, 2**62] either
    if len(shape) > DIMENSIONS or prod(max(1, along) for along in shape) > FILE_BYTES:
        raise PackageError(
            f"tensor {quoted(name)}: has shape {quoted(shape)}; allowed are at most {DIMENSIONS} dimensions and "
            f"{FILE_BYTES} elements"
        )
    return np.frombuffer(entry["data"], dtype=DTYPES[dtype]).reshape(shape)


def strict_json(text: str) -> Any:
    """JSON in which no key stands twice and every number is one; ValueError where it is not, or nested too deep."""
    try:
        raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"brackets are nested deeper than {NESTING}") from None
    level = [raw]  # and then what is inside 1, 2, ... brackets
    for _ in range(NESTING + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return raw
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    raise ValueError(f"brackets are nested deeper than {NESTING}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {quoted(name)} stands twice")
    return made


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {shown(text)} is too large")
    return number
