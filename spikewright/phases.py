"""How long work tells what it is at: a phase, and how far it is in it."""

from typing import Protocol


class Tell(Protocol):
    """Is told of each phase, in one or a few words, and again whenever the detail changes."""

    def __call__(self, phase: str, detail: str = "") -> None: ...


def silent(phase: str, detail: str = "") -> None:
    """Tells nobody."""
