"""Issue: one (entry, plane) a cycle and bank, until all banks have finished their list."""

from collections.abc import Iterable

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import GAP_BITS
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.entries import piece_layout, request_layout
from spikewright.hdl.memory import check_structure
from spikewright.hdl.silence import at_most_one


class Issue(wiring.Component):
    """Takes filtered rows from every walker and issues their pairs, lowest entry and plane first.

    Throughput: one pair a cycle and walker. A sum ends (``end``) in the cycle in which its last walker issues its
    last pair, but not before ``gap`` cycles have passed since the sum before, so a sum takes ``max(gap, pairs of the
    busiest walker, 1)`` cycles where rows are always at hand; a closing row of which nothing is left costs its walker
    a cycle without a pair. Latency from taking a row to its first request 2 cycles; ``end`` comes with the last
    request. Reset: no rows.
    """

    latency = 2

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        self.walkers = structure.shape.walkers
        super().__init__(
            {
                #: Each walker's next row.
                "piece": In(piece_layout(structure)).array(self.walkers),
                #: ``piece`` is there, for each walker.
                "piece_valid": In(1).array(self.walkers),
                #: ``piece`` is taken where it is there, for each walker.
                "piece_ready": Out(1).array(self.walkers),
                #: Least number of cycles from the end of a sum to the next, at least 1.
                "gap": In(GAP_BITS),
                #: Each walker's pair in this cycle.
                "request": Out(request_layout(structure)).array(self.walkers),
                #: The requests are the last of their sum.
                "end": Out(1),
                #: Pairs in this cycle, over all walkers.
                "issued": Out(range(self.walkers + 1)),
            }
        )

    def model(
        self, pieces: Iterable[tuple[tuple[int, int], tuple[int, int], int]]
    ) -> tuple[list[tuple[int, int, int]], int]:
        """Requests (address, code, plane) of one walker's list, and the cycles they take.

        pieces: both addresses, both codes, planes left of both entries (those of the second in the high half).
        """
        requests, cycles = [], 0
        for addr, code, pending in pieces:
            left = [divmod(bit, self.structure.planes) for bit in range(pending.bit_length()) if pending >> bit & 1]
            requests += [(addr[i], code[i], plane) for i, plane in left]
            cycles += max(1, len(left))
        return requests, cycles

    def elaborate(self, platform: object) -> Module:
        s = self.structure
        m = Module()
        finished = Signal(self.walkers)
        end = Signal()
        wait = Signal(GAP_BITS)
        m.d.comb += end.eq(finished.all() & (wait == 0))
        m.d.sync += self.end.eq(end)
        with m.If(end):
            m.d.sync += wait.eq(self.gap - 1)
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)

        for w in range(self.walkers):
            row = Signal(piece_layout(s), name=f"row{w}", reset_less=True)
            occupied = Signal(name=f"held{w}")
            pending = Signal(2 * s.planes, name=f"pending{w}")
            rest = Signal(2 * s.planes, name=f"rest{w}")
            final = Signal(name=f"final{w}")
            drained, load = Signal(name=f"drained{w}"), Signal(name=f"load{w}")
            m.d.comb += [
                rest.eq(pending & (pending - 1)),
                # known a cycle ahead: the end of a sum waits for all walkers, and all wait for it
                drained.eq(occupied & final),
                finished[w].eq(drained & row.last),
                load.eq(~occupied | (drained & ~row.last) | end),
                self.piece_ready[w].eq(load),
            ]
            with m.If(load):
                m.d.sync += [
                    occupied.eq(self.piece_valid[w]),
                    row.eq(self.piece[w]),
                    pending.eq(self.piece[w].pending),
                    final.eq(self.piece[w].final),
                ]
            with m.Else():
                m.d.sync += [pending.eq(rest), final.eq(at_most_one(rest))]

            request = self.request[w]
            low = pending[: s.planes]
            chosen = Signal(s.planes, name=f"chosen{w}")
            second = Signal(name=f"second{w}")
            plane = Signal(range(s.planes), name=f"plane{w}")
            m.d.comb += [second.eq(low == 0), chosen.eq(low)]
            with m.If(second):
                m.d.comb += chosen.eq(pending[s.planes :])
            for p in reversed(range(s.planes)):
                with m.If(chosen[p]):
                    m.d.comb += plane.eq(p)
            m.d.sync += [
                request.valid.eq(occupied & pending.any()),
                request.plane.eq(plane),
                request.addr.eq(row.addr[0]),
                request.code.eq(row.code[0]),
            ]
            with m.If(second):
                m.d.sync += [request.addr.eq(row.addr[1]), request.code.eq(row.code[1])]
        m.d.comb += self.issued.eq(sum(request.valid for request in self.request))
        return m
