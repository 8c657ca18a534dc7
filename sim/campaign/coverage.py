"""Which ops read values of which layout on which shapes: what a campaign met how often, and what it never can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from spikewright.compiler.program import Program
from spikewright.sim.campaign.layout_facts import GROUPS, SHAPE_FACTS, copy_fact, facts_of, shape_facts

#: Op → the roles of the values that it reads.
ROLES = {
    "conv": ("conv", "conv, shortcut"),
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
_CONV = ("conv", "conv, shortcut")
_ATTENTION = ("attention, query", "attention, key", "attention, value")
_BY_TOKEN = ("linear", "select", "add, stream", "add, spikes")


def _but(*roles: str) -> tuple[str, ...]:
    return tuple(role for role in ALL_ROLES if role not in roles)


#: Fact → roles that never meet it, and why.
_NEVER: Mapping[str, tuple[tuple[str, ...], str]] = {
    "made by: the image": (_but(*_CONV), "only a conv reads the image"),
    "image: folded": (_but(*_CONV), "only a conv reads the image"),
    "image: not folded": (_but(*_CONV), "only a conv reads the image"),
    "image: frames": (_but(*_CONV), "only a conv reads the image"),
    "made by: add": (_SPIKES, "reads spikes, an add makes integers"),
    "made by: counting pool": (_SPIKES, "reads spikes"),
    "made by: linear": (("conv", "pool"), "a linear has no grid"),
    "made by: attention": (("conv", "pool", "add, spikes"), "attention has no grid, and is no branch of an add"),
    "made by: select": (("conv", "pool", "add, spikes"), "a select has no grid, and is no branch of an add"),
    "grid: no grid": (("conv", "pool"), "reads a grid"),
    "copy: a copy by token": (_but(*_BY_TOKEN), "reads tiles as they lie, or a copy of another kind"),
    "copy: a copy in tiles": (_but("conv, shortcut"), "only a shortcut joins a value without a grid to one in tiles"),
    "copy: a copy by head": (_but(*_ATTENTION), "only attention reads by head"),
    "copy: a copy through the lanes": (_but(*_ATTENTION), "only attention reads by head"),
    "halo: no halo": (("conv",), "a conv reads the halo"),
    "planes: planes": (_SPIKES, "reads spikes"),
    "planes: signed planes": (_but(*_CONV), "only the image is signed"),
    "region: not stored": (_but("add, spikes"), "only spikes that nothing but an add reads are not stored"),
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
        for role, name in zip(ROLES[op.kind], op.inputs, strict=False):  # a conv may have no shortcut
            for fact in (*facts[name], copy_fact(program, op.name, name)):
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
