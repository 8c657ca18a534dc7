"""Planted faults: programs as a compiler with a fault would make them. The check has to find every kind.

A kind changes one thing of a lowered network, or of its ROM images, at a place drawn by a seed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from spikewright.compiler.lower.lists import Entry, OutputSlot
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered
from spikewright.compiler.program import Program
from spikewright.compiler.target.descriptors import Kind, Mode

Rng = np.random.Generator
Fault = Callable[[Lowered, Rng], None]


def plant(kind: str, program: Program, seed: int) -> Program:
    """The program with a fault of that kind, at the place of a seed. ValueError where the program has no such place."""
    rng = np.random.default_rng(seed)
    if kind in ROM_FAULTS:
        faulty = Program(program.lowered, program.structure)
        file, change = ROM_FAULTS[kind]
        roms = dict(program.roms)
        words = list(roms[file].words)
        change(words, roms[file].memory.width, rng)
        roms[file] = replace(roms[file], words=tuple(words))
        vars(faulty)["roms"] = roms
        return faulty
    lowered = copy.copy(program.lowered)
    lowered.descriptors, lowered.table = list(lowered.descriptors), copy.deepcopy(lowered.table)
    lowered.buffers = {name: copy.copy(buffer) for name, buffer in lowered.buffers.items()}
    FAULTS[kind](lowered, rng)
    faulty = Program(lowered, program.structure)
    vars(faulty)["trace_map"] = program.trace_map  # the observer looks where values should be
    return faulty


def _one(places: list[int], rng: Rng) -> int:
    if not places:
        raise ValueError("the program has no place for this fault")
    return places[int(rng.integers(len(places)))]


def _field(name: str, change: Callable[[int], int], where: Callable[[Mapping[str, int]], bool]) -> Fault:
    """A field of a descriptor is another than it should be."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        drafts = lowered.descriptors
        i = _one([i for i, draft in enumerate(drafts) if name in draft.fields and where(draft.fields)], rng)
        drafts[i] = replace(drafts[i], fields={**drafts[i].fields, name: change(drafts[i].fields[name])})

    return fault


def _address(name: str, distance: int, where: Callable[[DescriptorDraft], bool]) -> Fault:
    """A descriptor begins some words beside its place."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        drafts = lowered.descriptors
        i = _one([i for i, draft in enumerate(drafts) if name in draft.addresses and where(draft)], rng)
        buffer, offset = drafts[i].addresses[name]
        moved = {**drafts[i].addresses, name: (buffer, max(0, offset + distance))}
        drafts[i] = replace(drafts[i], addresses=moved)

    return fault


def _missing(where: Callable[[DescriptorDraft], bool]) -> Fault:
    """A descriptor is not there."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        i = _one([i for i, draft in enumerate(lowered.descriptors) if where(draft)], rng)
        # its number stays, or everything behind it would be another
        idle = {"rows": 1, "tiles": 1, "groups": 1, "words": 1, "taps": 1, "planes": 0}
        draft = lowered.descriptors[i]
        lowered.descriptors[i] = replace(draft, fields={**draft.fields, **idle})

    return fault


def _is_halo(draft: DescriptorDraft) -> bool:
    alike = draft.kind is Kind.MOVE and draft.addresses["source"][0] == draft.addresses["target"][0]
    return alike and "table" not in draft.addresses  # that of a selector's plan: a compaction in place


def _tap(**changes: Callable[[int], int]) -> Fault:
    """A tap of the mover is another than it should be."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        table = lowered.table
        i = _one([i for i, tap in enumerate(table.taps) if table.masks[tap.mask]], rng)
        changed = {name: change(getattr(table.taps[i], name)) for name, change in changes.items()}
        table.taps[i] = replace(table.taps[i], **changed)

    return fault


def _mask(lowered: Lowered, rng: Rng) -> None:
    """A lane mask has a lane too few."""
    masks = lowered.table.masks
    i = _one([i for i, mask in enumerate(masks) if mask], rng)
    masks[i] &= masks[i] - 1


Listed = tuple[int, int, int]  # descriptor, row of outputs, stream


def _listed(lowered: Lowered, fits: Callable[[OutputSlot], bool]) -> list[Listed]:
    return [
        (i, row, stream)
        for i, draft in enumerate(lowered.descriptors)
        if draft.outputs and not draft.fields["gate"] and draft.target is not None
        for row, outputs in enumerate(draft.outputs)
        for stream, output in enumerate(outputs)
        if output.enable and fits(output)
    ]


def _put(lowered: Lowered, place: Listed, output: OutputSlot) -> None:
    i, row, stream = place
    rows = [list(outputs) for outputs in lowered.descriptors[i].outputs]
    rows[row][stream] = output
    lowered.descriptors[i] = replace(lowered.descriptors[i], outputs=tuple(map(tuple, rows)))


def _at(lowered: Lowered, place: Listed) -> OutputSlot:
    i, row, stream = place
    return lowered.descriptors[i].outputs[row][stream]


def _output(change: Callable[[OutputSlot], OutputSlot], fits: Callable[[OutputSlot], bool]) -> Fault:
    """An output is another than it should be."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        places = _listed(lowered, fits)
        place = places[_one(list(range(len(places))), rng)]
        _put(lowered, place, change(_at(lowered, place)))

    return fault


def _exchange(*names: str) -> Fault:
    """Two neighbouring outputs have each other's fields."""

    def fault(lowered: Lowered, rng: Rng) -> None:
        places = _listed(lowered, lambda output: True)
        pairs = [
            (one, other)
            for one, other in pairwise(places)
            if one[0] == other[0]
            and any(getattr(_at(lowered, one), n) != getattr(_at(lowered, other), n) for n in names)
        ]
        one, other = pairs[_one(list(range(len(pairs))), rng)]
        first, second = _at(lowered, one), _at(lowered, other)
        _put(lowered, one, replace(first, **{name: getattr(second, name) for name in names}))
        _put(lowered, other, replace(second, **{name: getattr(first, name) for name in names}))

    return fault


def _changed_entry(change: Callable[[Entry], Entry | None], fits: Callable[[Entry], bool]) -> Fault:
    """One entry of one list is another, or is not there."""

    def change_output(output: OutputSlot) -> OutputSlot:
        lists, done = [], False
        for entries in output.lists:
            changed: list[Entry] = []
            for entry in entries:
                if not done and fits(entry):
                    done, new = True, change(entry)
                    changed += [] if new is None else [new]
                else:
                    changed.append(entry)
            lists.append(tuple(changed))
        return replace(output, lists=tuple(lists))

    return _output(change_output, lambda output: any(fits(entry) for entries in output.lists for entry in entries))


def _overlap(lowered: Lowered, rng: Rng) -> None:
    """A buffer lies over another that is alive."""
    buffers = list(lowered.buffers.values())
    pairs = [
        (one, other) for one in buffers for other in buffers
        if one is not other and one.first < other.first <= one.last and one.words >= other.words
    ]  # fmt: skip
    one, other = pairs[_one(list(range(len(pairs))), rng)]
    other.base = one.base


def _weight(entry: Entry) -> bool:
    return entry.code != 0


def _other_scheme(lowered: Lowered, rng: Rng) -> None:
    """The codes of a layer are read by the other scheme; codes up to 2 are the same in both."""
    drafts = lowered.descriptors
    large = [i for i, _, _ in _listed(lowered, lambda output: any(abs(e.code) > 2 for es in output.lists for e in es))]
    i = _one(sorted(set(large)), rng)
    drafts[i] = replace(drafts[i], fields={**drafts[i].fields, "pot": 1 - drafts[i].fields["pot"]})


def _threshold_grid(lowered: Lowered, rng: Rng) -> None:
    """The thresholds of a layer are on a coarser grid than its sums."""
    places = _listed(lowered, lambda output: output.threshold > 1)
    i = _one(sorted({i for i, _, _ in places}), rng)
    for place in places:
        if place[0] == i:
            output = _at(lowered, place)
            _put(lowered, place, replace(output, threshold=output.threshold >> 1))


#: Kind → what it does to a lowered network.
FAULTS: Mapping[str, Fault] = {
    "a plane too few is read": _field("in_planes", lambda n: n - 1, lambda f: f.get("in_planes", 0) > 1),
    "a plane too few is written": _field(
        "out_planes", lambda n: n - 1, lambda f: f.get("mode") == Mode.RESIDUAL and f["out_planes"] > 1
    ),
    "a plane too few of the stream": _field(
        "capture_planes", lambda n: n - 1, lambda f: f.get("capture_planes", 0) > 1
    ),
    "the sign plane counts positive": _field("in_signed", lambda n: 0, lambda f: f.get("in_signed") == 1),
    "the other scheme": _other_scheme,
    "the other reset": _field("soft", lambda n: 1 - n, lambda f: f.get("mode") == Mode.SPIKE),
    "the stride of tiles": _field("in_tile", lambda n: n + 1, lambda f: f.get("in_tile", 0) > 1),
    "the stride of step groups": _field("in_group", lambda n: n + 1, lambda f: f.get("in_group", 0) > 1),
    "the stride of written tiles": _field("out_tile", lambda n: n - 1, lambda f: f.get("out_tile", 0) > 1),
    "a token slot too few": _field("last_tokens", lambda n: n - 1, lambda f: f.get("last_tokens", 0) > 1),
    "a step too many": _field("last_steps", lambda n: n + 1, lambda f: f.get("mode") in (Mode.HEAD, Mode.HIDDEN)),
    "the stride of products": _field("product_output", lambda n: n + 1, lambda f: f.get("product_output", 0) > 0),
    "keys a row further": _address("key", 1, lambda draft: draft.kind is Kind.PRODUCT),
    "an input one position off": _address("in_base", 1, lambda draft: draft.fields["rows"] > 1),
    "a stream one word off": _address("capture_base", 1, lambda draft: True),
    "a missing halo": _missing(_is_halo),
    "a missing compaction": _missing(lambda draft: draft.kind is Kind.MOVE and "table" in draft.addresses),
    "a tap turned too far": _tap(rotate=lambda n: n + 1),
    "a tap one word off": _tap(source=lambda n: n + 1),
    "a lane mask with a lane too few": _mask,
    "an entry one word off": _changed_entry(lambda e: replace(e, offset=e.offset + 1), _weight),
    "a code of the other sign": _changed_entry(lambda e: replace(e, code=-e.code), _weight),
    "an entry is lost": _changed_entry(lambda e: None, _weight),
    "a captured word is lost": _changed_entry(lambda e: None, lambda e: e.code == 0),
    "swapped banks": _exchange("bank"),
    "swapped destinations": _exchange("bank", "target"),
    "a neighbour's threshold and bias": _exchange("threshold", "bias"),
    "thresholds on another grid": _threshold_grid,
    "buffers that overlap": _overlap,
}


def _shift_rows(words: list[int], width: int, rng: Rng) -> None:
    i = _one([i for i in range(len(words) - 1) if words[i] != words[i + 1]], rng)
    words[i], words[i + 1] = words[i + 1], words[i]


def _next(words: list[int], width: int, rng: Rng) -> None:
    words[:] = words[1:] + words[:1]


#: Kind → ROM image, and what is done to its words.
ROM_FAULTS: Mapping[str, tuple[str, Callable[[list[int], int, Rng], None]]] = {
    "weights a row on": ("weights_0_0.hex", _next),
    "the counts of two outputs exchanged": ("counts.hex", _shift_rows),
    "the neurons of two outputs exchanged": ("neurons.hex", _shift_rows),
    "the input table one code on": ("pixels.hex", _next),
}


def kinds() -> Iterator[str]:
    """All kinds, those of lowering first."""
    yield from FAULTS
    yield from ROM_FAULTS
