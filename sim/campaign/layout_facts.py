"""How the values of a program lie, in the words of the coverage table: the one file that knows where that is told."""

from __future__ import annotations

from spikewright.compiler.front.ops import Pool
from spikewright.compiler.program import Program
from spikewright.cost.routing import IMAGE

#: What is said of every value, a group a line; each value has one of each group.
GROUPS = {
    "made by": ("the image", "conv", "pool", "counting pool", "add", "linear", "attention", "select"),
    "placement": ("by head", "free"),
    "halo": ("halo", "no halo"),
    "planes": ("one plane", "planes", "signed planes"),
    "region": ("own region", "in place", "not stored"),
    "grid": ("tiles of positions", "a slot each", "no grid"),
    "tiles": ("one tile", "tiles"),
    "step groups": ("one step group", "step groups"),
    "image": ("folded", "not folded", "frames"),
    "read": ("once", "again"),
    "copy": ("as it lies", "a copy by token", "a copy in tiles", "a copy by head", "a copy through the lanes"),
}


def facts_of(program: Program) -> dict[str, tuple[str, ...]]:
    """Value → what is said of it, of a program; the groups ``image`` and ``tiles`` only where they apply."""
    lowered, graph = program.lowered, program.lowered.graph
    routing = lowered.routing
    kinds = {op.name: op.kind for op in graph.ops}
    counting = {op.name for op in graph.ops if isinstance(op, Pool) and op.function == "count"}
    reads = [name for op in graph.ops for name in op.inputs]
    facts = {}
    for name, value in graph.values.items():
        said = ["the image" if name == IMAGE else kinds[name]]
        said = ["counting pool"] if name in counting else said
        said += ["by head" if routing.roots[name] in routing.heads else "free"]
        if name in lowered.homes:
            layout = lowered.home(name).layout
            said += ["halo" if layout.halo else "no halo"]
            said += ["own region" if lowered.homes[name] == name else "in place"]
            said += ["one tile" if layout.tiles == 1 else "tiles"]
            said += ["one step group" if layout.groups == 1 else "step groups"]
        else:
            said += ["not stored"]
        said += ["signed planes" if value.signed else "one plane" if value.planes == 1 else "planes"]
        said += [
            "no grid"
            if value.grid is None
            else "a slot each"
            if lowered.lies[name].tile == (1, 1)
            else "tiles of positions"
        ]
        if name == IMAGE:
            folded = lowered.home(name).layout.folded
            said += ["frames" if graph.image.frames else "folded" if folded else "not folded"]
        said += ["again" if reads.count(name) > 1 else "once"]
        facts[name] = tuple(said)
    return facts


def copy_fact(program: Program, op: str, name: str) -> str:
    """How an op reads a value."""
    copy = program.lowered.routing.copies.get((op, name))
    if copy is None:
        return "as it lies"
    if copy.heads:
        return "a copy by head" if copy.moved else "a copy through the lanes"
    return "a copy by token" if copy.grid is None else "a copy in tiles"


def shape_facts(program: Program) -> tuple[str, ...]:
    """What is said of the engine's shape and of how the network meets it."""
    shape, steps = program.structure.shape, program.lowered.graph.steps
    banks = shape.banks
    return (
        "1 stream" if shape.streams == 1 else "2 streams",
        "1 bank" if banks == 1 else "2, 4 or 8 banks" if banks & banks - 1 == 0 else "other banks",
        "other tokens" if shape.tokens & shape.tokens - 1 else "2^n tokens",
        "T fills groups" if steps % shape.steps == 0 else "T leaves steps",
        "skip" if shape.skip else "no skip",
    )


SHAPE_FACTS = (
    ("1 stream", "2 streams"),
    ("1 bank", "2, 4 or 8 banks", "other banks"),
    ("2^n tokens", "other tokens"),
    ("T fills groups", "T leaves steps"),
    ("skip", "no skip"),
)
