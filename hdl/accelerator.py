"""The accelerator: pixels in, class scores and cycle counters out."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.hdl.attention import AttentionUnit, ProductMemory
from spikewright.hdl.loader import PixelLoader
from spikewright.hdl.mover import Mover, TableWrites
from spikewright.hdl.program import ProgramMemory
from spikewright.hdl.results import RESULT, Results
from spikewright.hdl.selector import TokenSelector
from spikewright.hdl.spike_engine import SpikeEngine
from spikewright.hdl.spikes import SpikeMemory


class TracePorts(wiring.Signature):
    """What a simulation observes; left open on a board, where synthesis drops it."""

    def __init__(self, structure: Structure) -> None:
        shape = structure.shape
        super().__init__(
            {
                #: Number of the descriptor that is worked on.
                "trace_layer": Out(16),
                #: A word is written to spike memory, a bit for each bank.
                "trace_write_en": Out(shape.banks),
                #: Its address, the banks side by side.
                "trace_write_addr": Out(structure.address_bits * shape.banks),
                #: The word, the banks side by side.
                "trace_write_data": Out(shape.lanes * shape.banks),
                #: A spike word is finished, a bit for each stream.
                "trace_word_en": Out(shape.streams),
                #: That word, the streams side by side.
                "trace_word": Out(shape.lanes * shape.streams),
                #: The selector keeps a token.
                "trace_kept_en": Out(1),
                #: Its number.
                "trace_kept": Out(32),
            }
        )


class Accelerator(wiring.Component):
    """Walks the program memory once for each image, one descriptor after the other.

    Pixels are taken in raster order, channel innermost, ``image bytes`` for an image; the next image may come in while
    one is computed. The answer to an image is the class scores (two's complement, one word or, with ``wide_scores``,
    two, the ``score_drop`` lowest bits left out), then for each descriptor three counters: cycles, issued (entry,
    plane) pairs, skipped pairs; ``last`` marks the end. A descriptor's cycles run from its start to the start of the
    next, so their sum is the cycles of the image. An image starts when its pixels are all there and the answer before
    is taken. Reset: waits for pixels.
    """

    def __init__(self, *, structure: Structure) -> None:
        self.structure = structure
        super().__init__(
            {
                #: Bytes of the images.
                "pixels": In(stream.Signature(8)),
                #: Words of the answers.
                "results": Out(stream.Signature(RESULT)),
                # for simulation
                **TracePorts(structure).members,
            }
        )

    def elaborate(self, platform: object) -> Module:
        s = self.structure
        m = Module()
        m.submodules.program = program = ProgramMemory(structure=s)
        m.submodules.memory = memory = SpikeMemory(structure=s)
        m.submodules.products = products = ProductMemory(structure=s)
        m.submodules.engine = engine = SpikeEngine(structure=s)
        m.submodules.attention = attention = AttentionUnit(structure=s)
        m.submodules.mover = mover = Mover(structure=s)
        m.submodules.selector = selector = TokenSelector(structure=s)
        m.submodules.loader = loader = PixelLoader(structure=s)
        m.submodules.results = results = Results(structure=s)
        units: dict[Kind, Any] = {
            Kind.LOAD: loader,
            Kind.MOVE: mover,
            Kind.MAC: engine,
            Kind.PRODUCT: attention,
            Kind.SELECT: selector,
        }

        self._connect(m, memory, products, engine, attention, mover, loader)
        wiring.connect(m, wiring.flipped(self.pixels), loader.pixels)
        wiring.connect(m, results.o, wiring.flipped(self.results))
        m.d.comb += [
            selector.score.eq(engine.score),
            selector.score_en.eq(engine.score_en),
            results.score.eq(engine.class_score),
            results.score_en.eq(engine.class_en),
            *(getattr(mover, name).eq(getattr(selector, name)) for name in TableWrites(s).members),
        ]
        for kind, unit in units.items():
            m.d.comb += unit.config.eq(program.view(kind))

        # the size of an image is known as soon as its LOAD descriptor is the next one
        following = program.view(Kind.LOAD, program.following)
        m.d.comb += [
            loader.size_en.eq(program.valid & (program.next_kind == Kind.LOAD)),
            loader.size.eq(following.bytes),
            loader.channels.eq(following.channels),
        ]

        starting = Signal()
        layer = Signal(16)
        cycles, issued, skipped = (Signal(WORD_BITS, name=n) for n in ("cycles", "issued", "skipped"))
        may_start, go, ending, done, counting = Signal(), Signal(), Signal(), Signal(), Signal()
        with m.Switch(program.next_kind):
            with m.Case(Kind.LOAD):
                m.d.comb += may_start.eq(program.valid & loader.full & ~results.busy)
            with m.Case(Kind.MAC):
                m.d.comb += may_start.eq(program.valid & engine.ready)
            with m.Default():
                m.d.comb += may_start.eq(program.valid)
        with m.Switch(program.kind):
            for kind, unit in units.items():
                with m.Case(kind):
                    m.d.comb += unit.start.eq(starting)
                    m.d.comb += ending.eq(~unit.busy if unit is engine else unit.finished)
        m.d.comb += selector.clear.eq(starting & (program.kind == Kind.MAC))

        # three counters go out while the next descriptor is at work
        sent = Signal(range(4), init=3)
        latched = [Signal(WORD_BITS, name=f"latched{i}", reset_less=True) for i in range(3)]
        with m.If(sent != 3):
            m.d.sync += [sent.eq(sent + 1), latched[0].eq(latched[1]), latched[1].eq(latched[2])]
        m.d.comb += [results.counter_en.eq(sent != 3), results.counter.eq(latched[0])]
        new_issued, new_skipped = Signal.like(engine.issued), Signal.like(engine.skipped)
        m.d.sync += [
            cycles.eq(cycles + counting),
            new_issued.eq(engine.issued),
            new_skipped.eq(engine.skipped),
            issued.eq(issued + new_issued),
            skipped.eq(skipped + new_skipped),
        ]

        rewind = Signal()
        m.d.comb += [program.rewind.eq(rewind), engine.rewind.eq(rewind)]
        m.d.sync += rewind.eq(0)
        with m.FSM():
            with m.State("WAIT"):
                m.d.sync += go.eq(may_start)  # a register: units all over the chip take their configuration with it
                with m.If(go):
                    m.d.comb += program.take.eq(1)
                    m.d.sync += [go.eq(0), counting.eq(1)]
                    m.next = "START"
                with m.If(~counting):
                    m.d.sync += [cycles.eq(1), issued.eq(0), skipped.eq(0)]
            with m.State("START"):
                m.d.comb += starting.eq(1)
                m.next = "RUN"
                with m.If(program.kind == Kind.END):
                    m.d.comb += starting.eq(0)
                    m.d.sync += [rewind.eq(1), counting.eq(0), layer.eq(0)]
                    m.next = "FINISH"
            with m.State("RUN"):
                m.d.sync += done.eq(ending)
                with m.If(done):
                    m.d.sync += [
                        done.eq(0),
                        sent.eq(0),
                        latched[0].eq(cycles),
                        latched[1].eq(issued),
                        latched[2].eq(skipped),
                        cycles.eq(1),
                        issued.eq(0),
                        skipped.eq(0),
                        layer.eq(layer + 1),
                    ]
                    m.next = "WAIT"
            with m.State("FINISH"):
                with m.If(sent == 3):
                    m.d.comb += results.send.eq(1)
                    m.next = "WAIT"

        m.d.comb += self.trace_layer.eq(layer)
        m.d.comb += [self.trace_kept_en.eq(selector.kept_en), self.trace_kept.eq(selector.kept)]
        m.d.comb += [
            self.trace_write_en.eq(memory.write_en),
            self.trace_write_addr.eq(Cat(memory.write_addr)),
            self.trace_write_data.eq(Cat(memory.write_data)),
            self.trace_word_en.eq(Cat(engine.word_en)),
            self.trace_word.eq(Cat(engine.word)),
        ]
        return m

    def _connect(
        self,
        m: Module,
        memory: SpikeMemory,
        products: ProductMemory,
        engine: SpikeEngine,
        attention: AttentionUnit,
        mover: Mover,
        loader: PixelLoader,
    ) -> None:
        """Share the memories: only one unit works at a time, the idle ones ask for address 0."""
        shape = self.structure.shape
        for port in range(shape.walkers):
            b = port % shape.banks
            address = engine.read_addr[port]
            if port < shape.banks:
                address = address | attention.read_addr | mover.read_addr
                m.d.comb += [attention.words[b].eq(memory.words[port]), mover.words[b].eq(memory.words[port])]
            m.d.comb += [memory.read_addr[port].eq(address), engine.words[port].eq(memory.words[port])]
            product_addr = engine.product_addr[port]
            if port < shape.banks:
                product_addr = Mux(attention.busy, attention.product_addr, product_addr)
                m.d.comb += attention.product[b].eq(products.read[port])
            m.d.comb += [products.read_addr[port].eq(product_addr), engine.product[port].eq(products.read[port])]
        for i in range(2 * shape.walkers):
            m.d.comb += [memory.live_addr[i].eq(engine.live_addr[i]), engine.live[i].eq(memory.live[i])]
        m.d.comb += [products.write_en.eq(attention.write_en), products.write_addr.eq(attention.write_addr)]
        for b in range(shape.banks):
            m.d.comb += products.write[b].eq(attention.write[b])
            # A register between the units and the banks: they are spread over the chip. No unit reads what it has just
            # written, and the next one starts later than that.
            m.d.sync += [
                memory.write_en[b].eq(engine.write_en[b] | mover.write_en | loader.write_en),
                memory.write_addr[b].eq(engine.write_addr[b]),
                memory.write_data[b].eq(engine.write_data[b]),
                memory.live_en[b].eq(engine.live_en[b] | mover.live_en | loader.live_en),
                memory.live_write_addr[b].eq(engine.live_write_addr[b]),
                memory.live_data[b].eq(engine.live_data[b]),
            ]
            with m.If(mover.write_en):
                m.d.sync += [memory.write_addr[b].eq(mover.write_addr), memory.write_data[b].eq(mover.write_data[b])]
            with m.Elif(loader.write_en):
                m.d.sync += [memory.write_addr[b].eq(loader.write_addr), memory.write_data[b].eq(loader.write_data)]
            with m.If(mover.live_en):
                m.d.sync += [memory.live_write_addr[b].eq(mover.live_addr), memory.live_data[b].eq(mover.live_data[b])]
            with m.Elif(loader.live_en):
                m.d.sync += [
                    memory.live_write_addr[b].eq(loader.live_addr),
                    memory.live_data[b].eq(loader.live_planes),
                ]
