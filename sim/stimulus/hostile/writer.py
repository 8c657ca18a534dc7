"""A safetensors file written by hand, so that it can lie: what is to be damaged, and the bytes that come of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
DTYPES = {"int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "float16": "F16",
          "float32": "F32", "float64": "F64", "bool": "BOOL"}  # fmt: skip


@dataclass(eq=False)
class FileDraft:
    """A package file in the making.

    raw: the network's JSON; text, header, whole: what happens to its text, to the header's entries and to the file's
    bytes once they are written; inside: whether the header stays valid, so that the damage is in the JSON or shapes.
    """

    raw: Any
    tensors: dict[str, Array]
    kinds: list[str] = field(default_factory=list)
    text: list[Callable[[str], str]] = field(default_factory=list)
    header: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    header_text: list[Callable[[str], str]] = field(default_factory=list)
    whole: list[Callable[[bytes], bytes]] = field(default_factory=list)

    @property
    def inside(self) -> bool:
        return not (self.header or self.header_text or self.whole)

    def data(self) -> bytes:
        """The bytes of the file."""
        text = json.dumps(self.raw)
        for change in self.text:
            text = change(text)
        entries: dict[str, Any] = {"__metadata__": {"spikewright": text}}
        body = b""
        for name, tensor in self.tensors.items():
            there = tensor.tobytes()
            entries[name] = {
                "dtype": DTYPES[str(tensor.dtype)], "shape": list(tensor.shape),
                "data_offsets": [len(body), len(body) + len(there)],
            }  # fmt: skip
            body += there
        for change_entries in self.header:
            change_entries(entries)
        header = json.dumps(entries)
        for change in self.header_text:
            header = change(header)
        encoded = header.encode("utf-8", "surrogatepass")
        data = len(encoded).to_bytes(8, "little") + encoded + body
        for change_bytes in self.whole:
            data = change_bytes(data)
        return data
