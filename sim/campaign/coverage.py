"""Which ops read values of which layout on which shapes: what a campaign met how often, and what it never can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from spikewright.compiler.program import Program
from spikewright.sim.campaign.layout_facts import GROUPS, SHAPE_FACTS, copy_fact, facts_of, shape_facts

#: Op → the roles of the values that it reads.
ROLES = {
    "conv": ("conv",),
    "pool": ("pool",),
    "add": ("add, stream", "add, spikes"),
    "linear": ("linear",),
    "attention": ("attention, query", "attention, key", "attention, value"),
    "select": ("select",),
    "head": ("head",),
}
ALL_ROLES = tuple(role for roles in ROLES.values() for role in roles)
ALL_FACTS = tuple(f"{group}: {fact}" for group, facts in GROUPS.items() for fact in facts)
#: Between the parts of a key: role, layout, shape.
MARK = " | "

_SPIKES = ("pool", "add, spikes", "attention, query", "attention, key", "attention, value")
_SLOTS = ("linear", "select", "head", "attention, query", "attention, key", "attention, value")
_OTHERS = tuple(role for role in ALL_ROLES if not role.startswith("attention"))
#: Fact → roles that never meet it, and why.
_NEVER: Mapping[str, tuple[tuple[str, ...], str]] = {
    "made by: the image": (tuple(role for role in ALL_ROLES if role != "conv"), "only a conv reads the image"),
    "image: folded": (tuple(role for role in ALL_ROLES if role != "conv"), "only a conv reads the image"),
    "image: not folded": (tuple(role for role in ALL_ROLES if role != "conv"), "only a conv reads the image"),
    "made by: add": (_SPIKES, "reads spikes, an add makes integers"),
    "made by: linear": (("conv", "pool"), "a linear has no grid"),
    "made by: attention": (("conv", "pool", "add, spikes"), "attention has no grid, and is no branch of an add"),
    "made by: select": (("conv", "pool", "add, spikes"), "a select has no grid, and is no branch of an add"),
    "grid: no grid": (("conv", "pool"), "reads a grid"),
    "grid: finer grid": (_SLOTS, "reads token slots"),
    "grid: token grid": (("pool",), "a pool's result would be the token grid"),
    "copy: as it lies": (_OTHERS, "only attention asks for a copy"),
    "copy: moved copy": (_OTHERS, "only attention asks for a copy"),
    "copy: copy through the lanes": (_OTHERS, "only attention asks for a copy"),
    "halo: no halo": (("conv",), "a conv reads the halo"),
    "planes: planes": (_SPIKES, "reads spikes"),
    "planes: signed planes": (tuple(role for role in ALL_ROLES if role != "conv"), "only the image is signed"),
    "region: not stored": (
        tuple(role for role in ALL_ROLES if role != "add, spikes"),
        "only spikes that nothing but an add reads are not stored",
    ),
    "region: in place": (
        ("conv", *_SPIKES),
        "neither what convs and attention read, nor what a conv, pool or linear makes, is made in place",
    ),
}


def impossible(role: str, fact: str) -> str:
    """Why a role never meets a layout; empty where it may."""
    roles, why = _NEVER.get(fact, ((), ""))
    return why if role in roles else ""


def coverage_of(program: Program) -> Counter[str]:
    """Role, layout and shape of every value that every op of a program reads."""
    counted: Counter[str] = Counter()
    groups = {fact: group for group, facts in GROUPS.items() for fact in facts}
    facts, shapes = facts_of(program), shape_facts(program)
    for op in program.lowered.graph.ops:
        for role, name in zip(ROLES[op.kind], op.inputs, strict=True):
            copied = (copy_fact(program, op.name, name),) if op.kind == "attention" else ()
            for fact in (*facts[name], *copied):
                counted.update(MARK.join((role, f"{groups[fact]}: {fact}", shape)) for shape in shapes)
    return counted


def table_of(counted: Mapping[str, int]) -> dict[str, dict[str, dict[str, int]]]:
    """Role → layout → shape → times met; never-met pairs with 0, impossible ones left out."""
    table: dict[str, dict[str, dict[str, int]]] = {}
    for role in ALL_ROLES:
        table[role] = {}
        for fact in ALL_FACTS:
            if not impossible(role, fact):
                row = {
                    shape: counted.get(MARK.join((role, fact, shape)), 0) for facts in SHAPE_FACTS for shape in facts
                }
                table[role][fact] = row
    return table


def met(row: Mapping[str, int]) -> int:
    """Times that a pair of role and layout was met, on any shape."""
    return sum(row[shape] for shape in SHAPE_FACTS[0])


def seldom(table: Mapping[str, Mapping[str, Mapping[str, int]]], least: int) -> dict[str, int]:
    """Pairs of role and layout that were met less often, and how often."""
    return {
        f"{role}{MARK}{fact}": met(row)
        for role, rows in table.items()
        for fact, row in rows.items()
        if met(row) < least
    }
