"""Waits for descriptors: a long one must be gathered while the one before it is at work, which may be short."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from spikewright.compiler.lower.lowered import Lowered
from spikewright.compiler.target.descriptors import Kind, descriptor_words
from spikewright.compiler.target.structure import Structure
from spikewright.cost.cycles import gather_cycles


def with_waits(lowered: Lowered, structure: Structure) -> Lowered:
    """The same on a structure: each descriptor's cycles with what it waits for its own words; END has no cycles."""
    drafts, words = lowered.descriptors, descriptor_words(structure)
    waiting = drafts[:1]
    for before, draft in pairwise(drafts):
        wait = max(0, gather_cycles(words, first=before is drafts[0]) - before.cycles)
        waiting.append(draft if draft.kind is Kind.END else replace(draft, cycles=draft.cycles + wait))
    return replace(lowered, descriptors=waiting)
