"""Saturation: a sum of bit-planes that is greater than all ones of some planes becomes all ones."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.memory import check_positive


class Saturation(wiring.Component):
    """In every lane the lesser of a sum and 2^limit − 1; with ``limit`` 0 the sum as it is.

    Combinational: latency 0, no reset. The sum has a plane more than what comes out, for its carry; without a limit the
    carry is lost.

    lanes: lanes of a plane.
    planes: bit-planes of the result.
    """

    latency = 0

    def __init__(self, *, lanes: int, planes: int) -> None:
        check_positive(lanes=lanes, planes=planes)
        self.lanes, self.planes = lanes, planes
        super().__init__(
            {
                #: Planes of the sum, the lowest first; the last one is its carry.
                "sum": In(lanes).array(planes + 1),
                #: Planes whose ones are the greatest result; 0: no limit.
                "limit": In(range(planes + 1)),
                #: Planes of the result; those from ``limit`` on are 0 where there is a limit.
                "result": Out(lanes).array(planes),
            }
        )

    def model(self, planes: Sequence[np.ndarray], limit: int) -> list[np.ndarray]:
        """Planes of the result, 0 or 1 of any shape, from those of the sum, carry included."""
        total = np.add.reduce([np.asarray(plane, np.int64) << p for p, plane in enumerate(planes)])
        total = np.minimum(total, (1 << limit) - 1) if limit else total
        return [(total >> p & 1).astype(np.uint8) for p in range(self.planes)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        limited = Signal()
        m.d.comb += limited.eq(self.limit != 0)
        beyond = []
        for p in range(self.planes + 1):
            above = Signal(name=f"above{p}")  # the plane is worth more than the greatest result
            m.d.comb += above.eq(limited & (self.limit <= p) if p < self.planes else limited)
            beyond.append(above)
        over = Signal(self.lanes)
        m.d.comb += over.eq(reduce(or_, (Mux(above, plane, 0) for above, plane in zip(beyond, self.sum, strict=True))))
        for p, above in enumerate(beyond[:-1]):
            m.d.comb += self.result[p].eq(Mux(above, 0, self.sum[p] | over))
        return m
