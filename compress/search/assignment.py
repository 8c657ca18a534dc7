"""One format for each layer under a budget of bits, as an integer program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

#: How far below the target the average may stay, in bits.
SLACK = 0.01


def assigned(
    scores: Sequence[NDArray[np.float64]],
    bits: Sequence[NDArray[np.int64]],
    sizes: Sequence[int],
    target_bits: float,
    *,
    roof: int,
    fixed: Sequence[int] = (),
) -> list[int]:
    """The candidate of each layer: together of the greatest score whose average width reaches ``target_bits``.

    scores, bits: of each layer's candidates; sizes: weights of each layer; roof: no layer is wider, unless all its
    candidates are; fixed: widths of further weights, one number each. The average is reached from below, to within
    ``SLACK``, or as near as the layers' sizes allow. ValueError where no candidates are as narrow as the target.
    """
    widths = np.concatenate([size * own for size, own in zip(sizes, bits, strict=True)])
    allowed = np.concatenate([own <= max(roof, own.min()) for own in bits])
    one_each = np.repeat(np.eye(len(bits)), [len(own) for own in bits], axis=1)
    count = sum(sizes) + len(fixed)
    budget, missed = target_bits * count - sum(fixed) + 1e-6, SLACK * count
    least = sum(size * int(own.min()) for size, own in zip(sizes, bits, strict=True))
    if least > budget:
        raise ValueError(f"target_bits {target_bits!r} is below what the smallest candidates take")
    while True:
        solution = milp(
            -np.concatenate(scores),
            integrality=1,
            bounds=Bounds(0, allowed.astype(float)),
            constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(widths, budget - missed, budget)],
            options={"mip_rel_gap": 0.0},
        )
        if solution.success:
            break
        missed *= 2
    taken = np.split(np.round(solution.x), np.cumsum([len(own) for own in bits])[:-1])
    return [int(each.argmax()) for each in taken]
