"""What ``spikewright import`` takes and refuses, as tables, drawn from what the code refuses by."""

from spikewright.compress.checkpoint.families import FOREIGN, SPIKFORMERS
from spikewright.compress.checkpoint.nir_graph import HELD, MISSING
from spikewright.compress.checkpoint.states import PREFIXES, WRAPPERS


def tables() -> str:
    """Families, containers and NIR nodes, as Markdown."""
    families = "".join(f"| {family.name} | yes |\n" for family in SPIKFORMERS)
    seen: dict[str, str] = {}
    for foreign in FOREIGN:
        seen.setdefault(foreign.name, foreign.missing)
    families += "".join(f"| {name} | refused by name; it needs {missing} |\n" for name, missing in seen.items())
    nodes = "".join(f"| `{kind}` | {words} |\n" for kind, words in HELD.items())
    nodes += "".join(f"| `{kind}` | refused: {words} |\n" for kind, words in MISSING.items())
    wrappers = ", ".join(f"`{wrapper}`" for wrapper in WRAPPERS)
    prefixes = ", ".join(f"`{prefix}`" for prefix in PREFIXES)
    return f"""## What `spikewright import` takes

[From your checkpoint to an FPGA](import.md) says how. A family is recognised by all keys of the file:

| family | taken |
|---|---|
{families}
Files: safetensors, and what `torch.save` writes of a state (zip and legacy), as they are or under {wrappers}, in any
nesting, with {prefixes} in front of every name, beside whatever training left there; half, bfloat16 and double too.
Nothing in a file is executed: a pickled model is refused with the two lines that save its `state_dict`.

Nodes of a `.nir` file, by kind:

| node | what becomes of it |
|---|---|
{nodes}
"""
