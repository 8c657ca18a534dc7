"""Gains as powers of two: they add up, and there are as few as there can be."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spikewright.cost.gains import code_bits, digits


def weight(code: int) -> int:
    return (1 if code > 0 else -1) << abs(code) - 1


@given(st.integers(-(2**31), 2**31 - 1))
def test_digits_add_up_to_their_gain(gain: int) -> None:
    codes = digits(gain)
    assert sum(map(weight, codes)) == gain
    exponents = [abs(code) for code in codes]
    assert all(above - below > 1 for below, above in pairwise(exponents))  # non-adjacent
    assert code_bits([gain]) <= 7


def test_few_digits() -> None:
    assert digits(0) == []
    assert digits(64) == [7]
    assert digits(-7) == [1, -4]
    assert digits(23) == [-1, -4, 6]
    assert (code_bits([0]), code_bits([1]), code_bits([-2, 8]), code_bits([2**31])) == (2, 2, 4, 7)
