"""Leak product: how much of a membrane a step keeps, in sixteenths."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.cost.rows import LEAK_BITS
from spikewright.hdl.memory import check_positive


class LeakProduct(wiring.Component):
    """``kept`` = leak · membrane / 16, rounded once, down or up, to a multiple of 2^coarse; 0 with ``clear``.

    The membrane is such a multiple, too: a layer's own grid may be coarser than the engine's. ``ceiling`` and ``fine``
    are the same for all membranes of a layer, so they are made once (``rounding``). A tree of three adders: lower and
    upper half of the leak's bits, then both. Latency 1 cycle, a product a cycle. No reset: data only. Leaks are 0 to
    16; what more gives is undefined. Overflow cannot happen: no leak makes a membrane greater.

    width: width of a membrane, sign included, bits.
    most_coarse: greatest ``coarse``, bits, less than the width.
    """

    latency = 1

    def __init__(self, *, width: int, most_coarse: int) -> None:
        check_positive(width=width)
        if not isinstance(most_coarse, int) or not 0 <= most_coarse < width:
            raise ValueError(f"most_coarse must be an integer from 0 to {width - 1}, not {most_coarse!r}")
        self.width, self.most_coarse = width, most_coarse
        super().__init__(
            {
                #: The membrane.
                "membrane": In(signed(width)),
                #: Sixteenths of it that are kept.
                "leak": In(LEAK_BITS),
                #: What is added before the division: to round up, 15 times the grid's unit; to round down, 0.
                "ceiling": In(most_coarse + LEAK_BITS - 1),
                #: Bits of a membrane that lie below the grid.
                "fine": In(most_coarse),
                #: Keep nothing.
                "clear": In(1),
                #: What is kept, a cycle later.
                "kept": Out(signed(width)),
            }
        )

    @staticmethod
    def model(membrane: np.ndarray, leak: np.ndarray | int, *, up: bool, coarse: int = 0) -> np.ndarray:
        """What is kept of membranes, integers of any shape."""
        ceiling, fine = LeakProduct.rounding(up, coarse)
        return np.asarray((leak * membrane + ceiling) >> 4 & ~fine)

    @staticmethod
    def rounding(up: bool, coarse: int) -> tuple[int, int]:
        """``ceiling`` and ``fine`` of a layer."""
        return (15 << coarse if up else 0), (1 << coarse) - 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        u, leak = self.membrane, self.leak
        lower, upper = Signal(signed(self.width + 2)), Signal(signed(self.width + 3))
        product = Signal(signed(self.width + 5))
        m.d.comb += [
            # 16 has no lower bits
            lower.eq(Mux(leak[0], u, 0) + Mux(leak[1], u << 1, 0)),
            upper.eq(Mux(leak[2], u, 0) + Mux(leak[3], u << 1, 0) + Mux(leak[4], u << 2, 0)),
            product.eq((upper << 2) + lower + self.ceiling),
        ]
        kept, bits = product[4:], self.most_coarse
        m.d.sync += self.kept.eq(Mux(self.clear, 0, Cat(kept[:bits] & ~self.fine, kept[bits:])))
        return m
