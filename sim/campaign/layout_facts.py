"""How the values of a program lie, in the words of the coverage table: the one file that knows where that is told."""

from __future__ import annotations

from spikewright.compiler.program import Program

#: What is said of every value, a group a line; each value has one of each group.
GROUPS = {
    "made by": ("the image", "conv", "pool", "add", "linear", "attention", "select"),
    "placement": ("by head", "free"),
    "halo": ("halo", "no halo"),
    "planes": ("one plane", "planes", "signed planes"),
    "region": ("own region", "in place", "not stored"),
    "grid": ("finer grid", "token grid", "no grid"),
    "tiles": ("one tile", "tiles"),
    "step groups": ("one step group", "step groups"),
    "image": ("folded", "not folded"),
    "read": ("once", "again"),
}


def facts_of(program: Program) -> dict[str, tuple[str, ...]]:
    """Value → what is said of it, of a program; the groups ``image`` and ``tiles`` only where they apply."""
    lowered, graph = program.lowered, program.lowered.graph
    token_grid = program.trace_map.token_grid
    attended = {name for op in graph.ops if op.kind == "attention" for name in op.inputs}
    kinds = {op.name: op.kind for op in graph.ops}
    reads = [name for op in graph.ops for name in op.inputs]
    facts = {}
    for name, value in graph.values.items():
        said = ["the image" if name == "input" else kinds[name]]
        said += ["by head" if name in attended else "free"]
        if name in lowered.homes:
            buffer = lowered.home(name)
            said += ["halo" if buffer.halo else "no halo"]
            said += ["own region" if lowered.homes[name] == name else "in place"]
            said += ["one tile" if buffer.tiles == 1 else "tiles"]
            said += ["one step group" if buffer.groups == 1 else "step groups"]
        else:
            said += ["not stored"]
        said += ["signed planes" if value.signed else "one plane" if value.planes == 1 else "planes"]
        said += ["no grid" if value.grid is None else "token grid" if value.grid == token_grid else "finer grid"]
        if name == "input":
            said += ["folded" if lowered.input_fold else "not folded"]
        said += ["again" if reads.count(name) > 1 else "once"]
        facts[name] = tuple(said)
    return facts


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
