"""LIF array: the membranes of one tile, and the sums of selector and head."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.structure import Structure
from spikewright.cost.rows import LEAK_BITS
from spikewright.hdl.leak import LeakProduct
from spikewright.hdl.memory import check_structure


def step_layout() -> data.StructLayout:
    """What the array does with one row of sums."""
    return data.StructLayout(
        {
            "valid": 1,
            "first": 1,  # the membrane starts from 0
            "add": 1,  # the row is added (else 0)
            "leak": 1,  # the membrane leaks first: by half where it does not fire
            "fire": 1,  # compare with the threshold and reset
            "spike": 1,  # the step exists: its spikes count
        }
    )


class LifArray(wiring.Component):
    """One membrane for each token slot; one step of all of them a cycle.

    ``u ← halve(u) + row · 2^F + bias`` where F is ``fraction_bits``; with ``leak`` halve is floor (``strict``:
    ceiling), else nothing. Where the structure has ``leaks``, a step that fires takes ``leak`` sixteenths instead of
    the half, and a step is every second cycle at most. With ``fire`` a token spikes if u ≥ threshold (``strict``: u >
    threshold) and u becomes 0, or u − threshold with ``soft``; ``soft`` and ``strict`` only where the structure has
    them. Spikes enter each token's word from the top: after S steps bit s is step s. Latency from ``step`` to
    ``spikes`` 4 cycles; one step a cycle. ``membrane`` shows a step 3 cycles after it, until the next one; it means
    nothing where the token has fired, since only the next step takes it for 0. ``drain`` moves every membrane one token
    slot down, unless a step arrives there; the next step is a ``first`` one. Reset: control only. Overflow cannot
    happen: interval analysis.
    """

    latency = 4

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        super().__init__(
            {
                #: The sum of each token slot in this step.
                "row": In(signed(structure.accumulator_bits)).array(shape.tokens),
                #: What is done with it.
                "step": In(step_layout()),
                #: Bias of the step, on the membrane's grid.
                "bias": In(signed(structure.parameter_bits)),
                #: Threshold of the step, on the membrane's grid.
                "threshold": In(signed(structure.parameter_bits)),
                #: Sixteenths of the membrane that the step keeps; only with ``structure.leaks``.
                "leak": In(LEAK_BITS),
                #: Bits by which the layer's grid is coarser than the array's, held as ``soft``; only with ``leaks``.
                "coarse": In(range(structure.fraction_bits + 1)),
                #: Reset by subtraction, not to 0; held until the step's outputs are there.
                "soft": In(1),
                #: Fire above the threshold only; held until the step's outputs are there.
                "strict": In(1),
                #: Move every membrane one token slot down.
                "drain": In(1),
                #: Spikes of the last S steps, lane = token slot · S + step.
                "spikes": Out(shape.lanes),
                #: Membrane of each token slot.
                "membrane": Out(signed(structure.membrane_bits)).array(shape.tokens),
            }
        )

    def step_model(
        self,
        u: np.ndarray,
        row: np.ndarray,
        *,
        bias: np.ndarray | int,
        threshold: np.ndarray | int,
        soft: bool = False,
        strict: bool = False,
        first: bool = False,
        add: bool = True,
        leak: np.ndarray | int = 8,
        coarse: int = 0,
        fire: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whether tokens with membranes ``u``, integers of any shape, fire in a step; their membranes after it.

        leak: sixteenths that are kept; coarse: bits below the layer's grid, to which that is rounded.
        """
        u = np.zeros_like(u) if first else LeakProduct.model(u, leak, up=strict, coarse=coarse)
        u = u + (row << self.structure.fraction_bits) + bias if add else u
        fires = (u > threshold if strict else u >= threshold) & fire
        return fires, np.where(fires, u - threshold if soft else 0, u)

    def model(
        self, rows: list[int], *, bias: int, threshold: int, soft: bool, strict: bool, leak: int = 8, coarse: int = 0
    ) -> tuple[list[int], list[int]]:
        """Spikes and membranes of one token over consecutive steps, as integers."""
        u, spikes, membranes = np.zeros((), np.int64), [], []
        for row in rows:
            fires, u = self.step_model(
                u, np.asarray(row), bias=bias, threshold=threshold, soft=soft, strict=strict, leak=leak, coarse=coarse
            )
            spikes.append(int(fires))
            membranes.append(int(u))
        return spikes, membranes

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        width = s.membrane_bits
        steps = [self.step]
        for i in range(2):
            delayed = Signal(step_layout(), name=f"step{i}")
            m.d.sync += delayed.eq(steps[-1])
            steps.append(delayed)
        threshold = Signal(signed(s.parameter_bits), reset_less=True)
        above_threshold = Signal(signed(s.parameter_bits), reset_less=True)
        strict = self.strict & s.strict_compare
        m.d.sync += [threshold.eq(self.threshold), above_threshold.eq(self.threshold + strict)]
        coming, now = steps[1], steps[2]
        recorded = Signal()
        m.d.sync += recorded.eq(now.valid)
        if s.leaks:
            sixteenths = Signal(LEAK_BITS, reset_less=True)
            ceiling, fine = Signal(s.fraction_bits + LEAK_BITS - 1), Signal(s.fraction_bits)
            m.d.sync += [ceiling.eq(Mux(strict, 15 << self.coarse, 0)), fine.eq((1 << self.coarse) - 1)]
            m.d.sync += sixteenths.eq(Mux(self.step.leak, Mux(self.step.fire, self.leak, 8), 16))
        for p in range(shape.tokens):
            u = Signal(signed(width), name=f"u{p}", reset_less=True)
            scaled = Signal(signed(width), name=f"scaled{p}", reset_less=True)
            drive = Signal(signed(width), name=f"drive{p}", reset_less=True)
            over = Signal(signed(width), name=f"over{p}", reset_less=True)
            m.d.sync += [
                scaled.eq(Mux(self.step.add, (self.row[p] << s.fraction_bits) + self.bias, 0)),
                drive.eq(scaled),
                over.eq(scaled - threshold),
            ]
            above = over
            if s.strict_compare:
                # for ">" the comparison is with threshold + 1
                above = Signal(signed(width), name=f"above{p}", reset_less=True)
                m.d.sync += above.eq(scaled - above_threshold)
            empty, next_empty = Signal(name=f"empty{p}"), Signal(name=f"next_empty{p}")
            start = Signal(signed(width), name=f"start{p}")
            # the carry-in of the ceiling rides in an extra lowest bit, so that each sum is one carry chain
            carry = Signal(name=f"carry{p}")
            if s.leaks:
                m.submodules[f"leak{p}"] = product = LeakProduct(width=width, most_coarse=s.fraction_bits)
                m.d.comb += [
                    product.membrane.eq(u),
                    product.leak.eq(sixteenths),
                    product.ceiling.eq(ceiling),
                    product.fine.eq(fine),
                    product.clear.eq(coming.first | empty),
                    start.eq(product.kept),
                ]
            else:
                # What a step starts from is settled a cycle ahead, from the carry that says that the token fires: to
                # clear the membrane itself would put the way to all of its bits behind the comparison.
                halve, keep = Signal(name=f"halve{p}", reset_less=True), Signal(name=f"keep{p}", reset_less=True)
                m.d.comb += start.eq(Mux(halve, u >> 1, 0) | Mux(keep, u, 0))
                m.d.comb += carry.eq(u[0] & strict & halve)
                m.d.sync += [
                    halve.eq(coming.leak & ~coming.first & ~next_empty),
                    keep.eq(~coming.leak & ~coming.first & ~next_empty),
                ]
            start_and_one = Cat(Const(1, 1), start).as_signed()
            added = Signal(signed(width + 1), name=f"added{p}")
            compared = Signal(signed(width + 1), name=f"compared{p}")
            m.d.comb += [
                added.eq(start_and_one + Cat(carry, drive).as_signed()),
                compared.eq(start_and_one + Cat(carry, above).as_signed()),
            ]
            fires, spike = Signal(name=f"fires{p}"), Signal(name=f"spike{p}")
            m.d.comb += [
                fires.eq(~compared[-1] & now.fire),
                next_empty.eq(Mux(now.valid, fires & ~(self.soft & s.soft_reset), empty)),
            ]
            m.d.sync += [
                empty.eq(next_empty),
                spike.eq(fires & now.spike),
            ]
            with m.If(now.valid):
                m.d.sync += u.eq(added[1:].as_signed())
                if s.soft_reset:
                    reduced = Signal(signed(width + 1), name=f"reduced{p}")
                    m.d.comb += reduced.eq(start_and_one + Cat(carry, over).as_signed())
                    with m.If(fires & self.soft):
                        m.d.sync += u.eq(reduced[1:].as_signed())
            if p + 1 < shape.tokens:
                with m.Elif(self.drain):
                    m.d.sync += u.eq(self.membrane[p + 1])
            m.d.comb += self.membrane[p].eq(u)
            word = self.spikes.word_select(p, shape.steps)
            with m.If(recorded):
                m.d.sync += word.eq(Cat(word[1:], spike))
        return m
