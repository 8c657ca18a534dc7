"""Spike engine: weight streams, silence filters, shift multipliers, lanes, LIF arrays and write-back, put together."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.hdl.attention import ProductMemory
from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.issue import Issue
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray
from spikewright.hdl.neurons import NeuronControl
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.silence import SilenceFilter
from spikewright.hdl.spikes import SpikeMemory, SpikePorts
from spikewright.hdl.views import descriptor_view
from spikewright.hdl.writeback import ResidualCapture, WriteBack


class SpikeEngine(wiring.Component):
    """Runs MAC descriptors: everything is a gated broadcast.

    For each output channel (two with two streams) and each place of the loop nest, the list of non-zero weights is
    streamed; every cycle each bank delivers one spike word and each weight's value is broadcast to all lanes. The
    finished sums pass the LIF array and come back as a word of spikes. A place takes
    ``max(gap, longest list · planes, 1)`` cycles, less what is silent. ``busy`` from the cycle after ``start`` until
    the last word is written. Reset: idle.
    """

    def __init__(self, *, structure: Structure) -> None:
        self.structure = structure
        shape = structure.shape
        product = data.ArrayLayout(structure.product_bits, shape.steps)
        super().__init__(
            {
                #: Begin a descriptor; only with ``ready``.
                "start": In(1),
                #: Go back to the first weight list and neuron.
                "rewind": In(1),
                #: The descriptor, held from ``start`` on.
                "config": In(descriptor_view(Kind.MAC, structure)),
                #: The weights of the next descriptor are there.
                "ready": Out(1),
                #: From the cycle after ``start`` until the last word is written.
                "busy": Out(1),
                # to spike memory
                **SpikePorts(structure).members,
                #: Number of a K^T V word, for each read port.
                "product_addr": Out(range(structure.product_depth)).array(shape.walkers),
                #: That word, two cycles later.
                "product": In(product).array(shape.walkers),
                #: Score of a token, to the token selector.
                "score": Out(signed(structure.membrane_bits)),
                #: ``score`` is there.
                "score_en": Out(1),
                #: A class score, without the bits that are dropped.
                "class_score": Out(signed(WORD_BITS * structure.score_words)),
                #: ``class_score`` is there.
                "class_en": Out(1),
                #: (Entry, plane) pairs issued in this cycle.
                "issued": Out(range(shape.walkers + 1)),
                #: (Entry, plane) pairs skipped in this cycle.
                "skipped": Out(range(2 * structure.planes * shape.walkers + 1)),
                #: A spike word is finished, for each stream.
                "word_en": Out(1).array(shape.streams),
                #: That word; for traces.
                "word": Out(shape.lanes).array(shape.streams),
            }
        )

    def elaborate(self, platform: object) -> Module:
        s, shape, config = self.structure, self.structure.shape, self.config
        m = Module()
        m.submodules.fetch = fetch = WeightFetch(structure=s)
        m.submodules.issue = issue = Issue(structure=s)
        m.submodules.neurons = neurons = NeuronControl(structure=s)
        m.d.comb += [
            fetch.start.eq(self.start),
            fetch.rewind.eq(self.rewind),
            fetch.config.eq(config),
            self.ready.eq(fetch.ready),
            issue.gap.eq(config.gap),
            self.issued.eq(issue.issued),
            neurons.start.eq(self.start),
            neurons.rewind.eq(self.rewind),
            neurons.config.eq(config),
        ]
        skips = []
        for w in range(shape.walkers):
            silence = SilenceFilter(structure=s)
            m.submodules[f"silence{w}"] = silence
            m.d.comb += [
                silence.row.eq(fetch.rows[w]),
                silence.valid.eq(fetch.valid[w]),
                silence.in_planes.eq(config.in_planes),
                silence.capture_planes.eq(config.capture_planes),
                silence.captures.eq(~config.gate),
                fetch.hold[w].eq(silence.hold),
                issue.piece[w].eq(silence.piece),
                issue.piece_valid[w].eq(silence.piece_valid),
                silence.piece_ready.eq(issue.piece_ready[w]),
            ]
            for i in range(2):
                m.d.comb += [
                    self.live_addr[2 * w + i].eq(silence.live_addr[i]),
                    silence.live_planes[i].eq(self.live[2 * w + i]),
                ]
            skips.append(silence.skipped)
        m.d.comb += self.skipped.eq(sum(skips))

        values, captures, planes = [], [], []
        for w in range(shape.walkers):
            lane_values, capture, plane = self._broadcast(m, w, issue.request[w])
            values.append(lane_values)
            captures.append(capture)
            planes.append(plane)
        end = issue.end
        for i in range(SpikeMemory.latency):
            delayed = Signal(name=f"end{i}")
            m.d.sync += delayed.eq(end)
            end = delayed
        tokens = Signal(range(shape.tokens + 1))
        m.d.comb += tokens.eq(Mux(neurons.last_tile, config.last_tokens, shape.tokens))

        writers = []
        for i in range(shape.streams):
            ports = range(i * shape.banks, (i + 1) * shape.banks)
            lanes, lif, writer = LaneArray(structure=s), LifArray(structure=s), WriteBack(structure=s)
            capture = ResidualCapture(structure=s, latency=lanes.latency + LifArray.latency)
            m.submodules[f"lanes{i}"] = lanes
            m.submodules[f"lif{i}"] = lif
            m.submodules[f"capture{i}"] = capture
            m.submodules[f"writeback{i}"] = writer
            m.d.comb += [lanes.end.eq(end), lanes.shift.eq(neurons.shift), capture.end.eq(end)]
            if i == 0:
                m.d.comb += neurons.done.eq(lanes.done)
            for b, w in enumerate(ports):
                m.d.comb += [
                    lanes.words[b].eq(self.words[w]),
                    capture.words[b].eq(self.words[w]),
                    capture.capture[b].eq(captures[w]),
                    capture.plane[b].eq(planes[w]),
                ]
                m.d.comb += [lanes.values[b * shape.steps + t].eq(values[w][t]) for t in range(shape.steps)]
            m.d.comb += [
                lif.step.eq(neurons.step),
                lif.bias.eq(neurons.bias[i]),
                lif.threshold.eq(neurons.threshold[i]),
                *([lif.leak.eq(neurons.leak[i]), lif.coarse.eq(config.coarse)] if s.leaks else []),
                lif.soft.eq(config.soft),
                lif.strict.eq(config.strict),
                lif.drain.eq(neurons.drain),
                writer.emit.eq(neurons.emit),
                writer.place.eq(neurons.place[i]),
                writer.mode.eq(config.mode),
                writer.out_planes.eq(config.out_planes),
                writer.spikes.eq(lif.spikes),
                writer.tokens.eq(tokens),
                *([writer.limit.eq(config.limit)] if s.limited else []),
                self.word_en[i].eq(writer.word_en),
                self.word[i].eq(writer.word),
            ]
            m.d.comb += [lif.row[p].eq(lanes.row[p]) for p in range(shape.tokens)]
            m.d.comb += [writer.membrane[p].eq(lif.membrane[p]) for p in range(shape.tokens)]
            m.d.comb += [writer.residual[p].eq(capture.planes[p]) for p in range(s.residual_planes)]
            writers.append(writer)
            if i == 0:
                m.d.comb += self.score.eq(lif.membrane[0])
            self._class_score(m, i, neurons, lif, tokens)
        in_use = Signal()
        m.d.comb += in_use.eq(neurons.token < tokens)
        m.d.comb += self.score_en.eq(neurons.drain & (config.mode == Mode.SCORE) & in_use)

        # two streams never write one bank in the same cycle: the compiler pairs outputs of different banks
        for b in range(shape.banks):
            m.d.comb += self.write_en[b].eq(Cat(writer.write_en[b] for writer in writers).any())
            for writer in writers:
                with m.If(writer.write_en[b]):
                    m.d.comb += [self.write_addr[b].eq(writer.write_addr), self.write_data[b].eq(writer.write_data)]
            m.d.comb += self.live_en[b].eq(Cat(writer.live_en[b] for writer in writers).any())
            for writer in writers:
                with m.If(writer.live_en[b]):
                    m.d.comb += [
                        self.live_write_addr[b].eq(writer.live_addr),
                        self.live_data[b].eq(writer.live_planes),
                    ]

        finishing = Signal()
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), finishing.eq(0)]
        with m.Elif(neurons.finished):
            m.d.sync += finishing.eq(1)
        with m.Elif(finishing & ~Cat(writer.busy for writer in writers).any()):
            m.d.sync += [self.busy.eq(0), finishing.eq(0)]
        return m

    def _broadcast(self, m: Module, w: int, request: Signal) -> tuple[list[Signal], Signal, Signal]:
        """Read the request's word; its value for each step, and the capture flag and plane, come with the word."""
        s, shape, config = self.structure, self.structure.shape, self.config
        pot = PotMultiplier(code_bits=s.code_bits, planes=s.planes, value_bits=s.value_bits, wide=bool(s.second))
        m.submodules[f"pot_multiplier{w}"] = pot
        m.d.comb += [
            self.product_addr[w].eq(request.code),
            pot.code.eq(Mux(request.valid, request.code[: s.code_bits], 0)),
            pot.plane.eq(request.plane),
            pot.pot.eq(config.pot),
            pot.negate.eq(config.in_signed & (request.plane == config.in_planes - 1)),
        ]
        if s.second:
            with m.If(request.code[s.code_bits]):
                m.d.comb += [
                    pot.pot.eq(config.second_pot),
                    pot.negate.eq(config.second_signed & (request.plane == config.capture_planes - 1)),
                ]
        with m.If(request.valid):
            m.d.comb += self.read_addr[w].eq(request.addr + request.plane)
        assert PotMultiplier.latency == ProductMemory.latency == SpikeMemory.latency - 1
        valid, plane = request.valid, request.plane
        capture = Signal(name=f"capture{w}")
        m.d.comb += capture.eq(request.valid & ~config.gate & (request.code[: s.code_bits] == 0))
        flags = [capture, valid, plane]
        names = ("capture", "valid", "plane")
        for i in range(SpikeMemory.latency - 1):
            flags = [self._register(m, flag, f"{n}{w}_{i}") for flag, n in zip(flags, names, strict=True)]
        values = []
        for t in range(shape.steps):
            value = Signal(signed(s.value_bits), name=f"value{w}_{t}", reset_less=True)
            m.d.sync += value.eq(Mux(config.gate, Mux(flags[1], self.product[w][t], 0), pot.value))
            values.append(value)
        return values, self._register(m, flags[0], f"capture{w}"), self._register(m, flags[2], f"plane{w}")

    @staticmethod
    def _register(m: Module, value: Signal, name: str) -> Signal:
        registered = Signal.like(value, name=name)
        m.d.sync += registered.eq(value)
        return registered

    def _class_score(self, m: Module, i: int, neurons: NeuronControl, lif: LifArray, tokens: Signal) -> None:
        """Sum the drained tokens of one stream; after the last one push the class score (stream 1 a cycle after 0)."""
        s, config = self.structure, self.config
        # a token in a cycle, masked in one and added in the next
        value = Signal(signed(s.membrane_bits), name=f"class_value{i}", reset_less=True)
        add, last = Signal(name=f"class_add{i}"), Signal(name=f"class_last{i}")
        draining = Signal(name=f"class_drain{i}")
        m.d.comb += draining.eq(neurons.drain & (config.mode == Mode.HEAD))
        m.d.sync += [
            value.eq(Mux(neurons.token < tokens, lif.membrane[0], 0)),
            add.eq(draining),
            last.eq(draining & neurons.drain_last & neurons.drain_output),
        ]
        total = Signal(signed(s.score_bits), name=f"class_total{i}")
        added = Signal(signed(s.score_bits), name=f"class_added{i}")
        push = Signal(name=f"class_push{i}")
        ready = Signal(signed(s.score_bits), name=f"class_ready{i}")
        m.d.comb += added.eq(total + value)
        m.d.sync += push.eq(last & neurons.drain_enable[i])
        with m.If(add):
            m.d.sync += total.eq(Mux(last, 0, added))
        with m.If(last):
            m.d.sync += ready.eq(added)
        if i:
            push = self._register(m, push, f"class_push_late{i}")
        with m.If(push):
            m.d.comb += [self.class_en.eq(1), self.class_score.eq(ready >> s.score_drop)]
