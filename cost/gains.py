"""Gains as entries: a whole number as few powers of two, added and subtracted."""

from __future__ import annotations

from collections.abc import Iterable

from spikewright.cost.shape import bits_for


def digits(gain: int) -> list[int]:
    """Power-of-two codes whose weights add up to a gain, as few as there can be: its non-adjacent form.

    A code is ±(e + 1) for ±2^e, the lowest first.
    """
    codes, exponent, sign = [], 0, 1 if gain >= 0 else -1
    rest = abs(gain)
    while rest:
        if rest & 1:
            digit = 2 - (rest & 3)  # 1, or −1 where a run of ones begins
            codes.append(sign * digit * (exponent + 1))
            rest -= digit
        rest >>= 1
        exponent += 1
    return codes


def most_code(gains: Iterable[int]) -> int:
    """The greatest magnitude of a code of these gains, at least 1."""
    return max((abs(code) for gain in gains for code in digits(gain)), default=1)


def code_bits(gains: Iterable[int]) -> int:
    """Bits of a code, sign included, that holds every digit of these gains."""
    return 1 + bits_for(most_code(gains))
