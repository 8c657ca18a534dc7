"""What a checkpoint tells beside its weights, as plain values that JSON holds; what is none is left out."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

#: Keys of training arguments, where they are a dict.
ARGUMENTS = ("args", "config", "hparams", "hyper_parameters", "cfg")
#: Values that are taken of one file, which can repeat one endlessly; how deep they may lie, how long a text may be.
_MOST, _DEEPEST, _LONGEST = 10_000, 16, 1000
_NOTHING = object()


def arguments_and_values(around: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The training arguments, and the other numbers and short texts, of the dicts that a state lies in.

    around: from the outermost to the innermost, whose values win.
    """
    arguments: dict[str, Any] = {}
    values: dict[str, Any] = {}
    room = _Room()
    for layer in around:
        for key, value in layer.items():
            if not isinstance(key, str) or len(key) > _LONGEST:
                continue
            if isinstance(value, Namespace | SimpleNamespace) or (key in ARGUMENTS and isinstance(value, dict)):
                told = room.plain(value)
                arguments |= told if isinstance(told, dict) else {}
            elif isinstance(value, int | float | str | Tensor):
                single = _single(value)
                values |= {} if single is _NOTHING else {key: single}
    return arguments, values


class _Room:
    """Room for the values of one file."""

    def __init__(self) -> None:
        self.left = _MOST

    def plain(self, value: Any, depth: int = 0) -> Any:
        """The value as JSON gives it again, ``_NOTHING`` for what is none."""
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return _NOTHING
        if isinstance(value, Namespace | SimpleNamespace):
            value = vars(value)
        if isinstance(value, dict):
            pairs = {
                str(key): self.plain(inner, depth + 1)
                for key, inner in self._few(value.items())
                if isinstance(key, int | str) and _single(key) is not _NOTHING
            }
            return {key: inner for key, inner in pairs.items() if inner is not _NOTHING}
        if isinstance(value, list | tuple | set):
            return [told for inner in self._few(value) if (told := self.plain(inner, depth + 1)) is not _NOTHING]
        return _single(value)

    def _few(self, values: Iterable[Any]) -> Iterable[Any]:
        for value in values:
            if self.left <= 0:
                return
            yield value


def _single(value: Any) -> Any:
    """A value without parts."""
    if isinstance(value, Tensor):
        dense = value.layout is torch.strided and not (value.is_nested or value.is_quantized or value.is_meta)
        value = value.item() if dense and value.numel() == 1 else _NOTHING
    if isinstance(value, PurePath | torch.dtype | torch.device):
        value = str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else _NOTHING
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOTHING
    return value if isinstance(value, str) and len(value) <= _LONGEST else _NOTHING
