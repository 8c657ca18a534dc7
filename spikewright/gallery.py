"""The trained networks that ship: package, recipe, log and metrics of each, in a checkout and in the wheel."""

from __future__ import annotations

from pathlib import Path

#: A folder each. In a checkout these are links to the folders of the same names.
PACKAGES = Path(__file__).parent / "packages"
#: What goes on with a package, in Python.
SCRIPT = Path(__file__).parent / "examples" / "compare_a_network.py"
PACKAGE, RECIPE, LOG, METRICS = "package.safetensors", "recipe.yaml", "log.jsonl", "metrics.json"
FILES = (PACKAGE, RECIPE, LOG, METRICS)


def shipped() -> dict[str, Path]:
    """Name → folder of every network that is here, by name; none where a copy of the source has no links."""
    return {path.parent.name: path.parent for path in sorted(PACKAGES.glob(f"*/{PACKAGE}"))}
