"""The engine's shape, and the counts that follow from it alone."""

from __future__ import annotations

from dataclasses import dataclass


def bits_for(count: int) -> int:
    """Bits of an unsigned field that holds 0 … ``count`` (at least one)."""
    return max(1, int(count).bit_length())


def signed_bits(low: int, high: int) -> int:
    """Least two's complement width that holds low … high."""
    return max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length()) + 1


@dataclass(frozen=True)
class Shape:
    """The engine's shape, chosen by the user or by the board.

    tokens: token slots of a tile (P); steps: time steps of a step group (S), so a word has ``tokens * steps`` lanes;
    banks: channel banks (k), one spike word each a cycle; streams: output channels computed at once, two need at least
    two banks; skip: silent words and empty bit-planes are skipped at run time. ValueError for numbers outside their
    ranges.
    """

    tokens: int = 16
    steps: int = 4
    banks: int = 4
    streams: int = 1
    skip: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (("tokens", 2, 256), ("steps", 1, 16), ("banks", 1, 16), ("streams", 1, 2)):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high}, not {value!r}")
        if self.streams > self.banks:
            raise ValueError(f"{self.streams} streams need at least {self.streams} banks, not {self.banks}")

    def __str__(self) -> str:
        counts = [f"{n} {noun}{'s' * (n > 1)}" for n, noun in ((self.banks, "bank"), (self.streams, "stream"))]
        return ", ".join([f"{self.lanes} lanes ({self.tokens} tokens x {self.steps} steps)", *counts])

    @property
    def lanes(self) -> int:
        """Lanes of a word: one adder tree each."""
        return self.tokens * self.steps

    @property
    def walkers(self) -> int:
        """Weight ROMs, each with its own pointer: one a stream and bank, number ``stream * banks + bank``."""
        return self.streams * self.banks

    @property
    def slot_lanes(self) -> int:
        """Gated adder inputs in all."""
        return self.lanes * self.walkers

    def tiles(self, slots: int) -> int:
        """Words that hold one channel of so many token slots, at one position and step group."""
        return -(-slots // self.tokens)

    def groups(self, steps: int) -> int:
        """Step groups of so many time steps."""
        return -(-steps // self.steps)

    def bank_rows(self, channels: int, heads: int = 1) -> int:
        """Rows of a bank that hold ``channels``; every head of an attention op begins on a row of its own."""
        return heads * -(-(channels // heads) // self.banks)
