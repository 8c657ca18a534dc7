"""The keys of a typed document with their sentences, for the pages that describe it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key with its sentence; the parts of a part behind it, ``*`` for a name or a number in a list."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field.description or ""
        part, many = _part(field.annotation)
        if part is not None:
            yield from keys(part, f"{prefix}{name}.*." if many else f"{prefix}{name}.")


def _part(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether it holds many."""
    origins = [annotation, *get_args(annotation)]
    models = [kind for kind in origins if isinstance(kind, type) and issubclass(kind, BaseModel)]
    many = str in origins or getattr(annotation, "__origin__", None) in (list, tuple)
    return (models[0] if models else None), many
