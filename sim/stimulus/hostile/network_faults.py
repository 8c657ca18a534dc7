"""Damage to a network's JSON: types, numbers, fields, names, references, the list of ops, and what is no JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from spikewright.sim.stimulus.hostile.bases import Rng
from spikewright.sim.stimulus.hostile.writer import FileDraft

#: Texts that no one should print as they are, or look up.
TEXTS = (
    "", " ", "input", "head", "\n", "\0", "a\nb", "\x1b[31mred", "[/y]", "[bold]x", "x" * 81, "y" * 100_000, "ü",
    "\u202e", "\ud800", "../../etc/passwd", "%s%n", "{0}", "'", '"', "\\", "NaN", "-", "a b", "conv0", "conv0.codes",
)  # fmt: skip
NUMBERS = (
    -(2**63), -(2**31), -129, -2, -1, 0, 1, 2, 3, 5, 7, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1000, 4096,
    8192, 8193, 16_384, 16_385, 2**22, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**4000,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, 4.0, 0.5, -0.0, 1e308, float("nan"), float("inf"), [], {}, [1], {"a": 1})
Place = tuple[Any, Any]  # a dict or list, and the key in it


def places(raw: Any) -> Iterator[Place]:
    """Everywhere a value stands."""
    for key in list(raw) if isinstance(raw, dict) else range(len(raw)):
        yield raw, key
        if isinstance(raw[key], dict | list):
            yield from places(raw[key])


def _place(rng: Rng, raw: Any, kind: type | tuple[type, ...] | None = None) -> Place | None:
    fitting = [p for p in places(raw) if kind is None or (isinstance(p[0][p[1]], kind) and p[0][p[1]] not in (True,))]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def other_type(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw):
        value = place[0][place[1]]
        other = [str(value)[:100], [value], {"x": value}, *OTHERS]
        place[0][place[1]] = copy.deepcopy(_one(rng, other))


def number(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw, int):
        place[0][place[1]] = _one(rng, NUMBERS)


def near_number(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw, int):
        value = int(place[0][place[1]])
        place[0][place[1]] = _one(rng, (value - 1, value + 1, value * 2, value // 2))


def text(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw, str):
        place[0][place[1]] = _one(rng, TEXTS)


def label(rng: Rng, draft: FileDraft) -> None:
    draft.raw[_one(rng, ("name", "data"))] = _one(rng, TEXTS)


def missing(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw):
        del place[0][place[1]]


def extra(rng: Rng, draft: FileDraft) -> None:
    objects = [draft.raw, *(p[0][p[1]] for p in places(draft.raw) if isinstance(p[0][p[1]], dict))]
    _one(rng, objects)[_one(rng, ("stride", "Name", "kind", "leak", *TEXTS))] = _one(rng, (1, None, "x", {}))


def other_key(rng: Rng, draft: FileDraft) -> None:
    keyed = [place for place in places(draft.raw) if isinstance(place[0], dict)]
    if keyed:
        part, key = _one(rng, keyed)
        part[_one(rng, (key.upper(), f"{key} ", f"{key}s", "input"))] = part.pop(key)


def reference(rng: Rng, draft: FileDraft) -> None:
    names = [op["name"] for op in draft.raw["ops"]]
    op = _one(rng, draft.raw["ops"])
    reads = [field for field in ("input", "inputs", "query", "key", "value") if field in op]
    field = _one(rng, [*reads, "name"])
    other = _one(rng, [*names, *names, "input", "nothing", op["name"]])
    if field == "inputs":
        op["inputs"][int(rng.integers(2))] = other
    else:
        op[field] = other


def ops(rng: Rng, draft: FileDraft) -> None:
    listed = draft.raw["ops"]
    at, to = (int(rng.integers(len(listed))) for _ in range(2))
    kind = int(rng.integers(7))
    if kind == 0:
        del listed[at]
    elif kind == 1:
        listed.insert(to, copy.deepcopy(listed[at]))
    elif kind == 2:
        listed[at], listed[to] = listed[to], listed[at]
    elif kind == 3:
        listed.reverse()
    elif kind == 4:
        listed.append(copy.deepcopy(listed[at]))
    elif kind == 5:  # a long chain
        link = listed[at]
        chain = [{**copy.deepcopy(link), "name": f"link{i}"} for i in range(int(rng.choice([3, 20, 60])))]
        for before, op in pairwise(chain):
            op.update({"input": before["name"]} if "input" in op else {})
        listed[at + 1 : at + 1] = chain
    else:
        draft.raw["ops"] = {op["name"]: op for op in listed}


def op_kind(rng: Rng, draft: FileDraft) -> None:
    _one(rng, draft.raw["ops"])["kind"] = _one(
        rng, ("conv", "pool", "add", "linear", "attention", "select", "head", "deconv", None, 3, [], "CONV")
    )


def nesting(rng: Rng, draft: FileDraft) -> None:
    depth = int(rng.choice([10, 61, 62, 63, 500, 20_000]))
    opened, closed = _one(rng, (("[", "]"), ('{"x":', "}")))
    inner = opened * depth + ("1" if opened != "[" else "") + closed * depth
    draft.text.append(lambda whole: whole[:-1] + f', "provenance": {{"deep": {inner}}}}}')


def twice(rng: Rng, draft: FileDraft) -> None:
    if place := _place(rng, draft.raw):
        part, key = place
        if isinstance(part, dict):
            first, again = json.dumps({key: part[key]})[1:-1], json.dumps({key: _one(rng, (part[key], 1, None))})[1:-1]
            draft.text.append(lambda whole: whole.replace(first, f"{first}, {again}", 1))


def no_json(rng: Rng, draft: FileDraft) -> None:
    kind, cut = int(rng.integers(8)), rng.random()
    changes: tuple[Callable[[str], str], ...] = (
        lambda whole: whole[: int(len(whole) * cut)],
        lambda whole: whole.replace(",", ",,", 1),
        lambda whole: whole + "}",
        lambda whole: whole.replace('"steps": ', '"steps": NaN, "steps": ', 1),
        lambda whole: whole.replace(":", ": /* */", 1),
        lambda whole: whole.replace('"', "'"),
        lambda whole: "\ufeff" + whole,
        lambda whole: "",
    )
    draft.text.append(changes[kind])


def whole_network(rng: Rng, draft: FileDraft) -> None:
    draft.raw = _one(rng, ([], {}, None, 3, "x", [draft.raw], {"format": "spikewright-package", "version": 1}))


FAULTS: dict[str, Callable[[Rng, FileDraft], None]] = {
    fault.__name__: fault
    for fault in (
        other_type, number, near_number, text, label, missing, extra, other_key, reference, ops, op_kind, nesting,
        twice, no_json, whole_network,
    )
}  # fmt: skip
