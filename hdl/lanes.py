"""Lane array: gated broadcast. Each lane adds the values whose spikes it holds, through a tree over the banks."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.structure import Structure
from spikewright.hdl.memory import check_structure


def exact_matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Integer matrix product, int64: through floats where no partial sum can be rounded."""
    most = float(np.abs(left).max(initial=0)) * float(np.abs(right).max(initial=0)) * left.shape[-1]
    if most >= 1 << 53:
        return np.asarray(np.matmul(left.astype(np.int64), right.astype(np.int64)))
    kind = np.float32 if most < 1 << 24 else np.float64
    return np.asarray(np.matmul(left.astype(kind), right.astype(kind))).astype(np.int64)


class LaneArray(wiring.Component):
    """``lanes`` accumulators; lane l = token slot · S + step adds Σ over banks of (spike ? value : 0) every cycle.

    The values are broadcast: one for each bank and step (equal over the steps for weights, different for K^T V).
    ``end`` marks the last cycle of a sum: ``latency`` cycles later the sums stand in the hold register, and the next
    sum starts from 0 without a gap. ``done`` pulses ``lead`` cycles before they stand there. ``shift`` moves every
    token's held sums one step down, so that ``row[p]`` is step 0, then 1, …; new sums win over ``shift``. Reset:
    accumulators 0.
    Overflow: adders and accumulators wrap around, and a finished sum fits, by the compiler's interval analysis.
    """

    #: Cycles from ``done`` until the sums stand in the hold register.
    lead = 2

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        super().__init__(
            {
                #: A spike word of each bank.
                "words": In(shape.lanes).array(shape.banks),
                #: What a spike adds: a value for each bank and step, index bank · S + step.
                "values": In(signed(structure.value_bits)).array(shape.banks * shape.steps),
                #: The words are the last of a sum.
                "end": In(1),
                #: Move the held sums one step down.
                "shift": In(1),
                #: The held sum of each token slot's lowest step.
                "row": Out(signed(structure.accumulator_bits)).array(shape.tokens),
                #: A pulse ``lead`` cycles before a sum is held.
                "done": Out(1),
            }
        )

    def model(self, words: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Every lane's sum over all words of a sum, int64 [..., outputs, lanes].

        words: numbers [..., words, lanes], whole, usually 0 or 1; values: whole numbers [..., outputs, words, S], or
        [..., outputs, words, 1] where they are the same for all steps.
        """
        shape = self.structure.shape
        if values.shape[-1] == 1:
            return exact_matmul(values[..., 0], words)
        by_step = words.reshape(*words.shape[:-1], shape.tokens, shape.steps)
        sums = [exact_matmul(values[..., step], by_step[..., step]) for step in range(shape.steps)]
        return np.stack(sums, axis=-1).reshape(*sums[0].shape[:-1], shape.lanes)

    @property
    def tree_levels(self) -> int:
        """Adder stages behind the one that adds two pairs of banks."""
        return max(0, (-(-self.structure.shape.banks // 4) - 1).bit_length())

    @property
    def latency(self) -> int:
        return self.tree_levels + 3

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        stages = [self.end]
        for i in range(self.latency - 1):
            delayed = Signal(name=f"end{i}")
            m.d.sync += delayed.eq(stages[-1])
            stages.append(delayed)
        ends = stages[-1]
        m.d.comb += self.done.eq(stages[self.latency - self.lead])

        words = [Signal(shape.lanes, name=f"word{b}", reset_less=True) for b in range(shape.banks)]
        m.d.sync += [word.eq(self.words[b]) for b, word in enumerate(words)]
        choices = self._choices(m)
        sums = Signal(data.ArrayLayout(signed(s.accumulator_bits), shape.lanes))
        holds = Signal(data.ArrayLayout(signed(s.accumulator_bits), shape.lanes), reset_less=True)
        for lane in range(shape.lanes):
            step = lane % shape.steps
            terms = []
            for pair, (first, second, both) in enumerate(choices[step]):
                gate = Cat(word[lane] for word in words[2 * pair : 2 * pair + 2])
                term = Signal(signed(s.value_bits + 1), name=f"term{pair}_{lane}")
                m.d.comb += term.eq(
                    Mux(gate[-1], Mux(gate[0], both, second), Mux(gate[0], first, 0))
                    if len(gate) == 2
                    else Mux(gate, first, 0)
                )
                terms.append(term)
            width = s.value_bits + 1
            for level in range(self.tree_levels + 1):
                width = min(width + 1, s.accumulator_bits)
                nodes = []
                for i in range(0, len(terms), 2):
                    node = Signal(signed(width), name=f"tree{level}_{i}_{lane}", reset_less=True)
                    m.d.sync += node.eq(terms[i] + terms[i + 1] if i + 1 < len(terms) else terms[i])
                    nodes.append(node)
                terms = nodes
            total = Signal(signed(s.accumulator_bits), name=f"total{lane}")
            m.d.comb += total.eq(sums[lane] + terms[0])
            m.d.sync += sums[lane].eq(Mux(ends, 0, total))
            with m.If(ends):
                m.d.sync += holds[lane].eq(total)
            if step + 1 < shape.steps:
                with m.Elif(self.shift):
                    m.d.sync += holds[lane].eq(holds[lane + 1])
        m.d.comb += [self.row[p].eq(holds[p * shape.steps]) for p in range(shape.tokens)]
        return m

    def _choices(self, m: Module) -> list[list[tuple[Signal, Signal | None, Signal | None]]]:
        """For each step and pair of banks what a lane may add: the first value, the second, their sum.

        The sum is made once for all lanes, so that a pair costs a lane a multiplexer and not a gated adder.
        """
        s, shape = self.structure, self.structure.shape
        result = []
        for step in range(shape.steps):
            pairs: list[tuple[Signal, Signal | None, Signal | None]] = []
            for b in range(0, shape.banks, 2):
                first = Signal(signed(s.value_bits), name=f"first{b}_{step}", reset_less=True)
                m.d.sync += first.eq(self.values[b * shape.steps + step])
                if b + 1 == shape.banks:
                    pairs.append((first, None, None))
                    continue
                second = Signal(signed(s.value_bits), name=f"second{b}_{step}", reset_less=True)
                both = Signal(signed(s.value_bits + 1), name=f"both{b}_{step}", reset_less=True)
                m.d.sync += [
                    second.eq(self.values[(b + 1) * shape.steps + step]),
                    both.eq(self.values[b * shape.steps + step] + self.values[(b + 1) * shape.steps + step]),
                ]
                pairs.append((first, second, both))
            result.append(pairs)
        return result
