"""Tensors of several kinds in one checkpoint: all but a network's state go by a prefix of their names."""

from __future__ import annotations

from torch import Tensor


def apart(tensors: dict[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors without the prefix, and those with it, by the rest of their names."""
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    return others, {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
