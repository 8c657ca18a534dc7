"""What is said of an unknown name: the nearest of those that are known, and all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from spikewright.echo import quoted


def unknown(noun: str, wrong: str, known: Iterable[str]) -> str:
    """``unknown WHAT 'wrong'; did you mean ...``, to be put behind the place where it stands."""
    names = list(known)
    near = difflib.get_close_matches(wrong, names, 1)
    if len(names) == 1 and near:
        return f"unknown {noun} {quoted(wrong)}; did you mean {quoted(near[0])}?"
    hint = f"did you mean {quoted(near[0])}? All are" if near else "must be one of"
    return f"unknown {noun} {quoted(wrong)}; {hint} {', '.join(names)}"
