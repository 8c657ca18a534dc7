"""Counting adder: in how many of some words each lane is 1."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.memory import check_positive


class CountingAdder(wiring.Component):
    """A counter a lane, a word a cycle: half adders, since a word adds 0 or 1.

    ``valid`` counts ``word``, ``first`` counts from 0 again; both together count from 0 and the word. Latency from
    ``word`` to ``count`` 1 cycle. No reset: what ``count`` shows before a ``first`` is undefined. A lane that is 1 in
    2^planes words or more overflows: it counts from 0 again.

    lanes: lanes of a word.
    planes: bit-planes of the counts.
    """

    latency = 1

    def __init__(self, *, lanes: int, planes: int) -> None:
        check_positive(lanes=lanes, planes=planes)
        self.lanes, self.planes = lanes, planes
        super().__init__(
            {
                #: The next word.
                "word": In(lanes),
                #: It counts.
                "valid": In(1),
                #: Forget what was counted before it.
                "first": In(1),
                #: Planes of the counts, the lowest first.
                "count": Out(lanes).array(planes),
            }
        )

    @staticmethod
    def model(words: Sequence[np.ndarray], planes: int) -> list[np.ndarray]:
        """Planes of the count of words, 0 or 1 of any shape."""
        total = np.add.reduce([np.asarray(word, np.int64) for word in words])
        return [(total >> p & 1).astype(np.uint8) for p in range(planes)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self.lanes):
            before, count = Signal(self.planes, name=f"before{lane}"), Cat(plane[lane] for plane in self.count)
            m.d.comb += before.eq(Mux(self.first, 0, count))
            m.d.sync += count.eq(before + (self.word[lane] & self.valid))
        return m
