"""A recipe's first fault in one sentence: where it is, what is wrong, and the nearest known key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from spikewright.models.nearest import unknown


def sentence(schema: type[BaseModel], error: ValidationError) -> str:
    """The first fault that ``schema`` found, in one sentence."""
    faults = error.errors()
    # a misspelt key explains why another one is missing
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path, models = _follow(schema, fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = list(dict.fromkeys(key for model in models for key in model.model_fields))
        near = difflib.get_close_matches(path[-1], known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
        return f"{'.'.join(path)}: unknown key; {hint}"
    where = ".".join(path) or "recipe"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "union_tag_invalid":
        context = fault["ctx"]
        known = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        what = str(context["discriminator"]).strip("'")
        return f"{where}: {unknown(what, str(context['tag']), known)}"
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        known = re.findall(r"'([^']*)'", str(fault["ctx"]["expected"]))
        return f"{where}: {unknown('value', fault['input'], known)}"
    if fault["type"] in ("missing", "value_error"):
        return f"{where}: {message}"
    return f"{where}: {message}, not {fault['input']!r}"


def _follow(schema: type[BaseModel], location: Sequence[int | str]) -> tuple[list[str], list[type[BaseModel]]]:
    """The location without the tags that chose among schemas, and the schemas that its last part was looked up in."""
    here: list[Any] = [schema]
    models = [schema]
    path = []
    for part in location:
        chosen = [kind for kind in here if _is_model(kind) and part in _tags(kind)]
        if chosen:  # the tag that chose the schema is no key of the recipe
            here = chosen
            continue
        models = [kind for kind in here if _is_model(kind)] or models
        path.append(str(part))
        here = [inner for kind in here for inner in _inside(kind, part)]
    return path, models


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tags(model: type[BaseModel]) -> list[Any]:
    annotations = (model.model_fields[key].annotation for key in ("family", "method") if key in model.model_fields)
    own = [model.TAG] if hasattr(model, "TAG") else []  # of models/data/source.py
    return [tag for kind in annotations if get_origin(kind) is Literal for tag in get_args(kind)] + own


def _inside(kind: Any, part: int | str) -> Iterator[Any]:
    """The types that ``part`` of a value of type ``kind`` may have."""
    if _is_model(kind):
        field = kind.model_fields.get(part)
        yield from _alternatives(field.annotation) if field else ()
    elif get_origin(kind) is dict:
        yield from _alternatives(get_args(kind)[1])
    elif get_origin(kind) in (tuple, list):
        yield from _alternatives(get_args(kind)[0])


def _alternatives(kind: Any) -> Iterator[Any]:
    if get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _alternatives(one)
    elif get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    else:
        yield kind
