"""What is said of an unknown name: the nearest of those that are known, and all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from spikewright.echo import short


def unknown(noun: str, wrong: str, known: Iterable[str]) -> str:
    """``unknown WHAT 'wrong'; did you mean ...``, to be put behind the place where it stands."""
    names, wrong = list(known), short(wrong)
    near = difflib.get_close_matches(wrong, names, 1)
    if len(names) == 1 and near:
        return f"unknown {noun} {wrong!r}; did you mean {near[0]!r}?"
    hint = f"did you mean {near[0]!r}? All are" if near else "must be one of"
    return f"unknown {noun} {wrong!r}; {hint} {', '.join(names)}"
