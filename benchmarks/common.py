"""What all groups share: where the repository lies, and how a group is run again."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent


def command(group: str) -> str:
    """What measures a group anew and draws its rows."""
    return f"python benchmarks/run.py {group}"
