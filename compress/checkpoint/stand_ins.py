"""What a checkpoint may hold beside tensors: the names that PyTorch's reader of weights is told besides its own.

Each name stands for what it does at home, but does less: of NumPy, which reads a dtype's flags as they come, nothing
is called, and a path touches no file.
"""

from __future__ import annotations

import struct
from argparse import Namespace
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any

#: Formats of ``struct`` by NumPy's codes.
_FORMATS = {
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
    "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip


class Dtype:
    """For ``numpy.dtype``: its code and byte order."""

    def __init__(self, code: object, *flags: object) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


def scalar(dtype: Dtype, data: bytes) -> float | None:
    """For NumPy's ``scalar``: the number in Python's own types; None for what is no number."""
    form = _FORMATS.get(dtype.code) if isinstance(dtype.code, str) else None
    number: float | None = None if form is None else struct.unpack(dtype.order + form, data)[0]
    return number


#: By pairs, as ``torch.serialization.safe_globals`` takes them: what is called, and the name in the file.
STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Dtype, "numpy.dtype"),
    (scalar, "numpy.core.multiarray.scalar"),  # before NumPy 2
    (scalar, "numpy._core.multiarray.scalar"),
    (Namespace, "argparse.Namespace"),
    (SimpleNamespace, "types.SimpleNamespace"),
    *(
        (kind, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")  # the second is Python 3.13's
        for kind, names in (
            (PurePosixPath, ("PosixPath", "PurePosixPath")),
            (PureWindowsPath, ("WindowsPath", "PureWindowsPath")),
        )
        for name in names
    ),
]
