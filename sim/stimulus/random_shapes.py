"""Random shapes of the engine, odd ones too."""

from __future__ import annotations

import numpy as np

from spikewright.compiler.target.structure import Shape

Rng = np.random.Generator

_MOST_TOKENS, _MOST_STEPS, _MOST_BANKS = 64, 8, 8


def random_shape(rng: Rng) -> Shape:
    """Any shape: 2 to 64 token slots, small ones rather, 1 to 8 steps, 1 to 8 banks, one or two streams."""
    tokens = int(rng.integers(2, (9, 17, 33, _MOST_TOKENS + 1)[rng.integers(4)]))
    banks = int(rng.integers(1, _MOST_BANKS + 1))
    return Shape(
        tokens=tokens,
        steps=int(rng.integers(1, _MOST_STEPS + 1)),
        banks=banks,
        streams=1 + int(banks > 1 and rng.integers(2)),
        skip=bool(rng.integers(2)),
    )


def spread_shape(rng: Rng, number: int) -> Shape:
    """The shape of that number: each number of banks and steps, one and two streams, skipping on and off come in turn.

    Of any 16 in a row, every value of each of these is met, and half of the token slots are odd.
    """
    banks = 1 + number % _MOST_BANKS
    tokens = int(rng.integers(1, 9)) * 2
    return Shape(
        tokens=tokens + number // 2 % 2,
        steps=1 + number * 3 % _MOST_STEPS,
        banks=banks,
        streams=1 + int(banks > 1 and (number // 2 + number // _MOST_BANKS) % 2),
        skip=bool((number + number // _MOST_BANKS) % 2),
    )
