"""A graph as JSON text plus tensors.

Tensors are named `OP.field` (inside weights `OP.field.codes`), the image's table `input.table`.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from . import ir

Array = np.ndarray
_KINDS: dict[str, type[ir.Op]] = {
    cls.kind: cls for cls in (ir.Conv, ir.Pool, ir.Add, ir.Linear, ir.Attention, ir.Select, ir.Head)
}
_NESTED: dict[str, type[Any]] = {
    "weights": ir.Weights,
    "hidden": ir.Weights,
    "score": ir.Weights,
    "neuron": ir.Neuron,
    "interval": ir.Interval,
    "accumulator": ir.Interval,
    "membrane": ir.Interval,
    "hidden_accumulator": ir.Interval,
    "score_accumulator": ir.Interval,
}
_ENUMS = {"scheme": ir.Scheme, "reset": ir.Reset, "compare": ir.Compare}


def dump(graph: ir.Graph) -> tuple[str, dict[str, Array]]:
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


def load(text: str, tensors: Mapping[str, Array]) -> ir.Graph:
    """The graph that `dump` wrote; IRError if the text is not one, or a tensor is missing."""
    try:
        raw = json.loads(text)
        if raw["schema_version"] != ir.SCHEMA_VERSION:
            raise ir.IRError(f"graph: schema version {raw['schema_version']} is not supported")
        values = [_in(ir.Value, value, value["name"], tensors) for value in raw["values"]]
        return ir.Graph(
            name=raw["name"],
            schema_version=raw["schema_version"],
            steps=raw["steps"],
            image=_in(ir.ImageInput, raw["image"], "input", tensors),
            ops=tuple(_in(_KINDS[op.pop("kind")], op, op["name"], tensors) for op in raw["ops"]),
            values={value.name: value for value in values},
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ir.IRError(f"graph: not the JSON of a graph ({type(error).__name__}: {error})") from None


def _out(item: Any, path: str, tensors: dict[str, Array]) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for field in fields(item):
        value, name = getattr(item, field.name), f"{path}.{field.name}"
        if isinstance(value, np.ndarray):
            tensors[name] = value
            value = name
        elif is_dataclass(value):
            value = _out(value, name, tensors)
        raw[field.name] = value
    return raw


def _in(cls: type[Any], raw: dict[str, Any], path: str, tensors: Mapping[str, Array]) -> Any:
    known = {field.name: field.type for field in fields(cls)}
    if set(raw) != set(known):
        raise ir.IRError(f"{path}: has the fields {sorted(raw)}; a {cls.__name__} has {sorted(known)}")
    out: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, dict):
            nested = ir.Interval if cls is ir.Head and name == "score" else _NESTED[name]
            value = _in(nested, value, f"{path}.{name}", tensors)
        elif isinstance(value, list):
            value = tuple(value)
        elif name in _ENUMS:
            value = _ENUMS[name](value)
        elif known[name] is np.ndarray:
            value = tensors[value]
        out[name] = value
    return cls(**out)
