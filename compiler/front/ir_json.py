"""A graph as JSON text plus tensors.

Tensors are named ``OP.field`` (inside weights ``OP.field.codes``), the image's table ``input.table``.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

import numpy as np

from spikewright.compiler.front.ir import SCHEMA_VERSION, Graph, ImageInput, IRError, Value
from spikewright.compiler.front.ops import OPS

Array = np.ndarray


def dump(graph: Graph) -> tuple[str, dict[str, Array]]:
    """JSON text (keys sorted) and tensors of a graph."""
    tensors: dict[str, Array] = {}
    raw = {
        "name": graph.name,
        "schema_version": graph.schema_version,
        "steps": graph.steps,
        "image": _out(graph.image, "input", tensors),
        "ops": [{"kind": op.kind, **_out(op, op.name, tensors)} for op in graph.ops],
        "values": [_out(value, value.name, tensors) for value in graph.values.values()],
    }
    return json.dumps(raw, sort_keys=True, separators=(",", ":")), tensors


def load(text: str, tensors: Mapping[str, Array]) -> Graph:
    """The graph that ``dump`` wrote; IRError if the text is not one, or a tensor is missing."""
    try:
        raw = json.loads(text)
        if raw["schema_version"] != SCHEMA_VERSION:
            raise IRError(f"graph: schema version {raw['schema_version']} is not supported")
        values = [_in(Value, value, value["name"], tensors) for value in raw["values"]]
        return Graph(
            name=raw["name"],
            schema_version=raw["schema_version"],
            steps=raw["steps"],
            image=_in(ImageInput, raw["image"], "input", tensors),
            ops=tuple(_in(OPS[op.pop("kind")], op, op["name"], tensors) for op in raw["ops"]),
            values={value.name: value for value in values},
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise IRError(f"graph: not the JSON of a graph ({type(error).__name__}: {error})") from None


def _out(record: Any, path: str, tensors: dict[str, Array]) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for field in fields(record):
        value, name = getattr(record, field.name), f"{path}.{field.name}"
        if isinstance(value, np.ndarray):
            tensors[name] = value
            value = name
        elif is_dataclass(value):
            value = _out(value, name, tensors)
        raw[field.name] = value
    return raw


def _in(cls: type[Any], raw: dict[str, Any], path: str, tensors: Mapping[str, Array]) -> Any:
    hints = get_type_hints(cls)
    known = {field.name: hints[field.name] for field in fields(cls)}
    if set(raw) != set(known):
        raise IRError(f"{path}: has the fields {sorted(raw)}; a {cls.__name__} has {sorted(known)}")
    return cls(**{name: _field(known[name], value, f"{path}.{name}", tensors) for name, value in raw.items()})


def _field(hint: Any, value: Any, path: str, tensors: Mapping[str, Array]) -> Any:
    """A field's value, by its annotation: a tensor, an enum, another dataclass, or as JSON has it."""
    if value is None:
        return None
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type)]
    if isinstance(value, dict):
        return _in(next(kind for kind in kinds if is_dataclass(kind)), value, path, tensors)
    if isinstance(value, list):
        return tuple(value)
    if np.ndarray in kinds:
        return tensors[value]
    if kinds and issubclass(kinds[0], Enum):
        return kinds[0](value)
    return value
