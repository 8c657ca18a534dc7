"""Buffers: regions of spike memory, from when to when they are alive, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from spikewright.compiler.lower.layout import Layout


@dataclass
class Buffer:
    """A region of the same addresses in every bank.

    first, last: numbers of the descriptors between which it is alive.
    """

    name: str
    layout: Layout
    first: int
    last: int
    base: int = 0

    @property
    def words(self) -> int:
        """Words of a bank."""
        return self.layout.words


def allocate(buffers: list[Buffer]) -> int:
    """Give every buffer a base, first fit by age; regions of buffers alive at the same time never overlap.

    Returns the words of a bank.
    """
    placed: list[Buffer] = []
    depth = 0
    for buffer in sorted(buffers, key=lambda b: (b.first, -b.words, b.name)):
        alive = sorted((b for b in placed if b.first <= buffer.last and buffer.first <= b.last), key=lambda b: b.base)
        base = 0
        for neighbour in alive:
            if base + buffer.words <= neighbour.base:
                break
            base = max(base, neighbour.base + neighbour.words)
        buffer.base = base
        placed.append(buffer)
        depth = max(depth, base + buffer.words)
    return depth
