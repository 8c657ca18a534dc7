"""A recipe's first fault in one sentence: where it is, what is wrong, and the nearest known key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from spikewright.echo import quoted
from spikewright.models.nearest import unknown


def sentence(schema: type[BaseModel], error: ValidationError) -> str:
    """The first fault that ``schema`` found, in one sentence."""
    faults = error.errors()
    # a misspelt key explains why another one is missing
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place = fault["loc"][:-1]
    if isinstance(fault["input"], list) and fault["type"] in _FORMS and place:
        # of the types that it was tried as, a list's own tells more than a number's
        fault = next((f for f in faults if len(f["loc"]) > len(place) + 1 and f["loc"][: len(place)] == place), fault)
    if fault["type"] == "invalid_key":
        where = ".".join(_follow(schema, fault["loc"][:-1])[0]) or "recipe"
        return f"{where}: a key must be text, not {quoted(fault['input'])}"
    path, models, here = _follow(schema, fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = list(dict.fromkeys(key for model in models for key in model.model_fields))
        near = difflib.get_close_matches(path[-1], known, 1)
        hint = f"did you mean {quoted(near[0])}?" if near else f"known keys are {', '.join(known)}"
        return f"{'.'.join(path)}: unknown key; {hint}"
    where = ".".join(path) or "recipe"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "union_tag_invalid":
        context = fault["ctx"]
        known = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        noun = str(context["discriminator"]).strip("'")
        return f"{where}: {unknown(noun, str(context['tag']), known)}"
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        known = re.findall(r"'([^']*)'", str(fault["ctx"]["expected"]))
        return f"{where}: {unknown('value', fault['input'], known)}"
    if fault["type"] == "value_error":
        return f"{where}: {message}"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    if (form := _FORMS.get(fault["type"])) is not None:
        keys = dict.fromkeys(key for kind in here if _is_model(kind) for key in kind.model_fields)
        of = f" with keys such as {', '.join(list(keys)[:4])}" if keys and form == _MAPPING else ""
        given = "nothing" if fault["input"] is None else _shown(fault["input"])
        return f"{where}: must be {form}{of}, not {given}"
    return f"{where}: {message}, not {_shown(fault['input'])}"


def _shown(value: object) -> str:
    """A value as a recipe's author would know it again, however long it is."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write every number
        return "so large a number"
    return text if len(text) <= 200 else f"{text[:200]}..."


_MAPPING = "a mapping"
#: What a value must look like, by pydantic's types of faults, whose own texts speak of Python.
_FORMS = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": "a list, such as [1, 2]",
    "list_type": "a list, such as [1, 2]",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}


def _follow(
    schema: type[BaseModel], location: Sequence[int | str]
) -> tuple[list[str], list[type[BaseModel]], list[Any]]:
    """The location without what chose among types, the schemas that its last part was looked up in, and its types."""
    here: list[Any] = [schema]
    models = [schema]
    path: list[str] = []
    tagged = False
    for part in location:
        chosen = [kind for kind in here if _is_model(kind) and part in _tags(kind)]
        if chosen and not tagged:  # the tag that chose the schema is no key of the recipe
            here, tagged = chosen, True
            continue
        tagged = False
        if isinstance(part, str) and not any(_is_model(kind) or get_origin(kind) is dict for kind in here):
            continue  # nor is the type of a union, float say, that a value was tried as
        models = [kind for kind in here if _is_model(kind)] or models
        path.append(str(part) if str(part).isprintable() else repr(part))
        here = [inner for kind in here for inner in _inside(kind, part)]
    return path, models, here


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
        for alternative in get_args(kind):
            yield from _alternatives(alternative)
    elif get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    else:
        yield kind
