"""Results: class scores and cycle counters of one image, collected and then sent as a stream."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.memories import counter_list, score_list
from spikewright.compiler.target.structure import WORD_BITS, Structure, bits_for
from spikewright.hdl.memory import Bank, check_structure

#: What an accelerator yields: result words, ``last`` with the final one of an image.
RESULT = data.StructLayout({"data": WORD_BITS, "last": 1})


class Results(wiring.Component):
    """Two lists, class scores and counters, that ``send`` streams out: scores, then counters, ``last`` on the end.

    A score is ``score_words`` words, the lowest first. One push in a cycle and list, at least one in each list.
    ``busy`` from the cycle after ``send`` until the last word is taken: nothing may be pushed then. The lists are empty
    after that. Latency from ``send`` to the first word 3 cycles, then up to one word every second cycle. Reset: empty.
    """

    latency = 3

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        self.depth = structure.result_depth
        super().__init__(
            {
                #: Push a class score.
                "score_en": In(1),
                #: The score, two's complement.
                "score": In(WORD_BITS * structure.score_words),
                #: Push a counter.
                "counter_en": In(1),
                #: The counter, cycles or pairs.
                "counter": In(WORD_BITS),
                #: Stream the lists out.
                "send": In(1),
                #: From the cycle after ``send`` until the last word is taken.
                "busy": Out(1),
                #: Scores, then counters.
                "o": Out(stream.Signature(RESULT)),
            }
        )

    def model(self, scores: Sequence[int], counters: Sequence[int]) -> list[tuple[int, bool]]:
        """The words (data, last) that ``send`` brings out."""
        parts = range(self.structure.score_words)
        words = [*(score >> WORD_BITS * part for score in scores for part in parts), *counters]
        return [(word % (1 << WORD_BITS), i == len(words) - 1) for i, word in enumerate(words)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.scores = scores = Bank.of(score_list(self.structure))
        m.submodules.counters = counters = Bank.of(counter_list(self.structure))
        lists = ((scores, self.score_en, self.score), (counters, self.counter_en, self.counter))
        counts = [Signal(bits_for(self.depth), name=f"count{i}") for i in range(2)]
        index = Signal(bits_for(self.depth))
        which = Signal()
        final = Signal()
        score, whole = scores.read_data, Const(1, 1)  # the next word; whether it ends its score
        if self.structure.wide_scores:
            whole = Signal()
            score = scores.read_data.word_select(whole, WORD_BITS)
        for i, (bank, enable, value) in enumerate(lists):
            m.d.comb += [
                bank.write_en.eq(enable),
                bank.write_addr.eq(counts[i]),
                bank.write_data.eq(value),
                bank.read_addr.eq(index),
            ]
            with m.If(enable):
                m.d.sync += counts[i].eq(counts[i] + 1)
        m.d.comb += final.eq(which & (index == counts[1] - 1))
        with m.FSM() as fsm:
            with m.State("COLLECT"):
                m.d.sync += [index.eq(0), which.eq(0)]
                with m.If(self.send):
                    m.next = "READ"
            with m.State("READ"):
                m.next = "LOAD"
            with m.State("LOAD"):
                # a register behind the block RAM; the next word is read while this one is offered
                m.d.sync += [
                    self.o.payload.data.eq(Mux(which, counters.read_data, score)),
                    self.o.payload.last.eq(final),
                ]
                if self.structure.wide_scores:
                    m.d.sync += whole.eq(~which & ~whole)
                with m.If(which | whole):
                    m.d.sync += index.eq(index + 1)
                with m.If(~which & whole & (index == counts[0] - 1)):
                    m.d.sync += [index.eq(0), which.eq(1)]
                m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "LOAD"
                    with m.If(self.o.payload.last):
                        m.d.sync += [counts[0].eq(0), counts[1].eq(0)]
                        m.next = "COLLECT"
            m.d.comb += self.busy.eq(~fsm.ongoing("COLLECT"))
        return m
