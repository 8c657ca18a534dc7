"""The tensors of a state as plain numbers: refused by name where they are none, or more than their file could hold."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, UntypedStorage

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.echo import shown

#: What safetensors holds and a network may be made of.
_DTYPES = (
    torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64,
    torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn,
    torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz,
)  # fmt: skip
#: Bytes that small tensors may take beyond twice their file: a constant is stored as one number.
_SLACK = 1 << 20


class Storages:
    """The storages of a file as they were read, in one of which each tensor lies.

    A pickle may call for tensors beside them, of whatever the memory held before.
    """

    def __init__(self, file_size: int) -> None:
        self.file_size = file_size
        self._read: list[tuple[UntypedStorage, int]] = []
        self._bytes = 0

    def keep(self, storage: Any, location: str) -> Any:
        """As ``torch.load`` asks of ``map_location``: each storage once, which stays on the CPU."""
        self._read.append((storage, storage.nbytes()))
        self._bytes += storage.nbytes()
        if self._bytes > self.file_size:
            raise CheckpointError(
                f"not a whole checkpoint (it should hold {self._bytes} bytes of tensors, but has {self.file_size})"
            )
        return storage

    def ranges(self) -> list[tuple[int, int]]:
        """First address and end of each, in order."""
        return sorted((storage.data_ptr(), storage.data_ptr() + size) for storage, size in self._read if size)


def check_kinds(state: dict[str, Tensor]) -> None:
    """CheckpointError that names a tensor which is not stored as dense numbers of a usual type."""
    for name, tensor in state.items():
        kind = ""
        if tensor.is_nested:
            kind = "nested"
        elif tensor.is_quantized:
            kind = "quantised"
        elif tensor.layout is not torch.strided:
            kind = "sparse"
        elif tensor.is_meta:
            kind = "without numbers (meta)"
        if kind:
            raise CheckpointError(f"{shown(name)} is {kind}; allowed are dense tensors")
        if tensor.dtype not in _DTYPES:
            dtype = str(tensor.dtype).removeprefix("torch.")
            raise CheckpointError(f"{shown(name)} is {dtype}; allowed are whole and floating-point numbers")


def densified(state: dict[str, Tensor], storages: Storages) -> tuple[list[Tensor], dict[str, int]]:
    """Distinct tensors, contiguous and each with its own memory, and the place in that list for each name.

    Tied weights are one tensor. CheckpointError where numbers are not in the file, or together more than twice it.
    """
    check_kinds(state)
    ranges = storages.ranges()
    distinct: dict[tuple[object, ...], int] = {}
    views: list[Tensor] = []
    places: dict[str, int] = {}
    room = 2 * storages.file_size + _SLACK
    for name, tensor in state.items():
        shape, stride = tuple(tensor.shape), tensor.stride()
        if not _lies_in(ranges, tensor, shape, stride):
            raise CheckpointError(f"{shown(name)} has shape {shown(str(list(shape)))}, but the file lacks its numbers")
        key = (tensor.data_ptr(), shape, stride, tensor.dtype)
        if key not in distinct:
            room -= math.prod(shape) * tensor.element_size()
            if room < 0:
                raise CheckpointError(f"{shown(name)} and others are views of few numbers, far larger than the file")
            distinct[key] = len(views)
            views.append(tensor)
        places[name] = distinct[key]
    return [view.detach().resolve_neg().clone(memory_format=torch.contiguous_format) for view in views], places


def _lies_in(ranges: Sequence[tuple[int, int]], tensor: Tensor, shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether all of a tensor's numbers are in one of the ranges of addresses."""
    if not math.prod(shape):
        return True
    reach = 1 + sum((count - 1) * step for count, step in zip(shape, stride, strict=True))
    first = tensor.data_ptr()
    at = bisect_right(ranges, (first, math.inf)) - 1
    return at >= 0 and first + reach * tensor.element_size() <= ranges[at][1]
