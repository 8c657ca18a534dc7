"""docs/package.md says what the reader does: fields, defaults, dtypes, shapes; and no letter has two meanings."""

import json
import re
from pathlib import Path

import pytest
from every_op import every_op

from spikewright.models.package import PackageError, TensorSpec, parse_network, tensor_specs
from spikewright.models.package_page import fields, renewed

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "package.md").read_text()
#: Object of the page → where one is in the network.
PLACES = {
    "the network": (),
    "`input`": ("input",),
    "conv": ("ops", 0),
    "its `shortcut`": ("ops", 2, "shortcut"),
    "pool": ("ops", 4),
    "add": ("ops", 3),
    "linear": ("ops", 5),
    "attention": ("ops", 8),
    "select": ("ops", 9),
    "its `hidden`": ("ops", 9, "hidden"),
    "its `score`": ("ops", 9, "score"),
    "head": ("ops", 10),
    "`weights`": ("ops", 5, "weights"),
    "`neuron`": ("ops", 5, "neuron"),
}


def test_tables_are_drawn():
    assert renewed(TEXT) == TEXT, "python -m spikewright.models.package_page"


@pytest.mark.parametrize(("name", "field", "default"), [(name, field, default) for name, field, _, default in fields()])
def test_what_may_be_left_out(name, field, default):
    given, left_out = every_op(), every_op()
    for raw, change in ((given, True), (left_out, False)):
        part = raw
        for step in PLACES[name]:
            part = part[step]
        assert field in part
        if change and default is not None:
            part[field] = json.loads(default)
        elif not change:
            del part[field]
    if default is None:
        with pytest.raises(PackageError):
            parse_network(json.dumps(left_out))
    else:
        assert parse_network(json.dumps(left_out)) == parse_network(json.dumps(given))


def test_the_network_has_every_object():
    assert {name for name, *_ in fields()} == set(PLACES)


ROW = re.compile(r"^\| `((?:NAME|input)\.[\w.]+)` \| ([^|]+) \| (\w+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def specs_of_the_page(op, sizes):
    """Tensor → dtype and shapes, of one op."""
    expected = {}
    for tensor, of, dtype, shape, _ in ROW.findall(TEXT):
        kinds, _, where = of.partition("; where ")
        if op["kind"] not in kinds.split(", ") or (where and not holds(op, where)):
            continue
        allowed = tuple(
            tuple(sizes.get(word) or int(word) for word in one.split(", ")) for one in re.findall(r"`\[(.+?)\]`", shape)
        )
        expected[tensor.replace("NAME", op["name"])] = (dtype, allowed)
    return expected


def holds(op, where):
    if where == "`leak` is `null`":
        return op["neuron"]["leak"] is None
    through = (op.get("shortcut") or {}).get("through")
    return where == f"`through` is `{through}`"


SIZES = {
    "first": {"out": 5, "in": 3},
    "joined": {"out": 7, "in": 5, "joined": 3},
    "gained": {"out": 7, "in": 5},
    "query": {"out": 6, "in": 7},
    "key": {"out": 6, "in": 7},
    "value": {"out": 8, "in": 7},
    "attended": {"out": 8},
    "selected": {"hidden": 13, "in": 8},
    "head": {"out": 10, "in": 8},
}


def test_dtypes_and_shapes():
    raw = every_op()
    specs = tensor_specs(parse_network(json.dumps(raw)))
    expected = {"input.table": ("int16", ((3, 256),))}
    for op in raw["ops"]:
        expected |= specs_of_the_page(op, SIZES.get(op["name"], {}))
    assert {name: (spec.dtype, spec.shapes) for name, spec in specs.items()} == expected
    assert "| `input.table` | every package | int16 | `[channels, 256]` |" in TEXT
    assert len(ROW.findall(TEXT)) == 16


def test_ranges():
    specs = tensor_specs(parse_network(json.dumps(every_op())))
    assert specs["input.table"] == TensorSpec("int16", ((3, 256),), -128, 127)
    ranges = {name: (spec.low, spec.high) for name, spec in specs.items()}
    assert ranges["first.codes"] == ranges["selected.score.codes"] == ranges["joined.shortcut.codes"] == (-127, 127)
    assert ranges["joined.codes"] == (-7, 7)
    for name in ("first.bias", "head.bias", "selected.hidden.bias", "gained.shortcut.gain", "first.scale"):
        assert ranges[name] == (None, None)
    assert (ranges["attended.bias"], ranges["first.threshold"], ranges["first.leak"]) == ((0, 0), (1, None), (0, 16))


def test_no_letter_has_two_meanings():
    table = TEXT.partition("## Letters")[2].partition("\n##")[0]
    rows = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines() if re.match(r"\| [A-Za-z](,| )", row)]
    letters = [letter for row in rows for letter in row.split(", ")]
    assert len(letters) == len(set(letters)) == 13
    rest = TEXT.replace(table, "").replace("`[A-Za-z0-9_.-]+`", "")
    used = set(re.findall(r"(?<![\w'’])[A-Za-z](?![\w'’])", rest.replace("_", " ")))
    used -= {"a", "A"}  # of which English has one
    assert used == set(letters)
    # as a letter the article would stand in a formula
    formulas = "".join(TEXT.split("```")[1::2])
    assert not re.search(r"(?<![A-Za-z])[aA](?![A-Za-z])", formulas)


def test_the_words_that_strangers_missed():
    for words in (
        "cross-correlation*,\ncodes `[out, in, row, column]`",
        "linear, attention and select drop the grid",
        "((t · height + row) · width + column) · channels + channel",
    ):
        assert words in TEXT
