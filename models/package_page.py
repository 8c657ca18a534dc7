"""The tables in docs/package.md that the schema says; ``python -m spikewright.models.package_page`` draws them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spikewright.models.package_limits import TABLE
from spikewright.models.package_schema import SCHEME_BITS, Network

PAGE = Path("docs") / "package.md"
#: Objects in the order of the page: what they are called there → the schema's name.
OBJECTS = {
    "the network": "",
    "`input`": "ImageFormat",
    "conv": "ConvOp",
    "its `shortcut`": "ShortcutFormat",
    "pool": "PoolOp",
    "add": "AddOp",
    "linear": "LinearOp",
    "attention": "AttentionOp",
    "select": "SelectOp",
    "its `hidden`": "HiddenLayer",
    "its `score`": "ScoreLayer",
    "head": "HeadOp",
    "`weights`": "WeightFormat",
    "`neuron`": "NeuronFormat",
}
#: Where a rule over several fields says more than the schema of one.
_RULES = {
    ("`weights`", "bits"): "; ".join(f"{bits[0]}…{bits[-1]} where `{scheme}`" for scheme, bits in SCHEME_BITS.items()),
    ("add", "limit"): "1, 3, 7, …, 2147483647 (all ones in binary), or `null`",
    ("attention", "heads"): "1…, divides the channels of query and value",
    ("select", "keep"): "1…N of its input",
    ("its `shortcut`", "weights"): "`weights` where `through` is `matrix`, `null` where it is `gain`",
    ("the network", "ops"): "list of 1…4096 ops",
    ("the network", "output"): "name of the head",
    ("the network", "provenance"): "an object of anything",
    ("the network", "input"): "an object, below",
}


def objects() -> dict[str, dict[str, Any]]:
    """The schema of every object, by what the page calls it."""
    schema = Network.model_json_schema()
    return {name: schema["$defs"][kind] if kind else schema for name, kind in OBJECTS.items()}


def fields() -> Iterator[tuple[str, str, str, str | None]]:
    """Every field: its object, its name, what it may be, and its default as JSON; None where it must be there."""
    for name, schema in objects().items():
        for field, what in schema["properties"].items():
            # a constant says what the object is: the reader wants it, though the code has it as a default
            default = json.dumps(what["default"]) if "default" in what and "const" not in what else None
            if (name, field) == ("the network", "provenance"):
                default = "{}"
            rule = "a name" if "pattern" in what and field == "name" else _RULES.get((name, field))
            yield name, field, rule or _value(what), default


def _value(what: dict[str, Any]) -> str:
    if "anyOf" in what:
        return ", or ".join(map(_value, what["anyOf"]))
    if "$ref" in what:
        kind = what["$ref"].rpartition("/")[2]
        enums = Network.model_json_schema()["$defs"][kind].get("enum")
        if enums:
            return _value({"enum": enums})
        return f"{next(name for name, schema in OBJECTS.items() if schema == kind).removeprefix('its ')}, below"
    if "const" in what:
        return f"`{json.dumps(what['const'])}`"
    if "enum" in what:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in what["enum"])
    if what["type"] == "array":
        return f"list of {len(what['prefixItems'])} names of values"
    if what["type"] == "string":
        return "the name of a value" if "pattern" in what else "text"
    if what["type"] == "integer":
        return f"{what['minimum']}…{what['maximum']}"
    return {"boolean": "`true`, `false`", "null": "`null`"}[what["type"]]


def fields_table() -> str:
    """What an object may say, and what it means to leave a field out."""
    rows = ["| object | field | allowed | left out |", "|---|---|---|---|"]
    last = ""
    for name, field, value, default in fields():
        rows.append(f"| {'' if name == last else name} | `{field}` | {value} | {f'`{default}`' if default else '–'} |")
        last = name
    return "\n".join(rows)


def limits_table() -> str:
    """How large a package may be."""
    return "\n".join(["| at most | of |", "|---|---|", *(f"| {_number(most)} | {what} |" for what, most in TABLE)])


def _number(most: int) -> str:
    power = most.bit_length() - 1
    return f"{most} (2^{power})" if most == 1 << power and power > 16 else str(most)


TABLES = {"fields": fields_table, "limits": limits_table}


def renewed(text: str) -> str:
    """The page with its tables drawn anew."""
    for name, draw in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{draw()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
