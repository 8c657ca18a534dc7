"""Lowering of the classification head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikewright.cost import cycles as cost

from .descriptors import Mode
from .ir import Head
from .lists import bank_lists
from .lowered import LoweringError

if TYPE_CHECKING:
    from .lowering import Lowering


def lower_head(low: Lowering, op: Head) -> None:
    """One MAC whose outputs are summed over tokens and steps and leave as class scores."""
    shape = low.shape
    value, source = low.graph.values[op.inputs[0]], low.out.home(op.inputs[0])
    if low.tile_size(value) != (1, 1):
        raise LoweringError(f"{op.name}: the head reads the token grid {low.token_grid}, not {value.grid}")
    fields = low.mac_fields(
        mode=Mode.HEAD,
        pot=int(op.weights.scheme == "pot"),
        in_planes=value.planes,
        in_signed=int(value.signed),
        out_planes=1,
        gap=cost.score_gap(shape.steps, shape.tokens),
        slots=low.slots(value),
        source=source,
        target=None,
    )
    lists = bank_lists(op.weights.codes, source, shape.banks, replicated=False, start=0)
    low.touch(value.name)
    low.mac(
        op.name,
        fields,
        {"in_base": (source.name, source.offset())},
        low.flat_outputs(lists, op.bias, low.out.fraction_bits - op.fraction_bits),
        target=None,
    )
