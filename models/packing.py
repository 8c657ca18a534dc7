"""Sparse code tensors in a package file: one bit for each code, and the codes that are not 0 (docs/package.md)."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from spikewright.echo import quoted
from spikewright.models.package_check import Array, PackageError
from spikewright.models.package_tensors import TensorSpec

#: ``NAME.codes.bits``: a bit for each code, row-major, the lowest first; ``NAME.codes.kept``: codes whose bit is 1.
BITS, KEPT = ".bits", ".kept"


def packed(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors with every code tensor packed that is smaller so."""
    stored: dict[str, Array] = {}
    for name, tensor in tensors.items():
        flat = tensor.reshape(-1)
        kept = flat[flat != 0]
        if name.endswith(".codes") and -(-flat.size // 8) + kept.size < flat.size:
            stored[name + BITS] = np.packbits(flat != 0, bitorder="little").view(np.int8)
            stored[name + KEPT] = kept
        else:
            stored[name] = tensor
    return stored


def unpacked(tensors: Mapping[str, Array], specs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    """What ``packed`` made of them; PackageError where bits and codes do not belong together."""
    plain = dict(tensors)
    for name in [n.removesuffix(BITS) for n in tensors if n.endswith(f".codes{BITS}")]:
        if name not in specs or name + KEPT not in tensors or name in tensors:
            continue  # the check of names says what is wrong
        bits, kept = plain.pop(name + BITS), plain.pop(name + KEPT)
        shape = specs[name].shapes[0]
        size = prod(shape)
        if str(bits.dtype) != "int8" or bits.shape != (-(-size // 8),):
            raise PackageError(
                f"tensor {quoted(name + BITS)}: is {bits.dtype} {list(bits.shape)}; allowed is int8 "
                f"[{-(-size // 8)}], a bit for each of {list(shape)}"
            )
        chosen = np.unpackbits(bits.view(np.uint8), bitorder="little").astype(bool)
        if chosen[size:].any():
            raise PackageError(f"tensor {quoted(name + BITS)}: bits behind the last code must be 0")
        if str(kept.dtype) != "int8" or kept.shape != (int(chosen.sum()),):
            raise PackageError(
                f"tensor {quoted(name + KEPT)}: is {kept.dtype} {list(kept.shape)}; allowed is int8 "
                f"[{int(chosen.sum())}], a code for each bit that is 1"
            )
        if not kept.all():
            raise PackageError(f"tensor {quoted(name + KEPT)}: a code whose bit is 1 must not be 0")
        codes = np.zeros(size, np.int8)
        codes[chosen[:size]] = kept
        plain[name] = codes.reshape(shape)
    return plain
