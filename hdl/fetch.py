"""Weight fetch: walks the non-zero lists of the weight ROMs, one list for each (stream, bank) and finished sum."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.memories import count_rom, weight_rom
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.entries import Row, row_layout
from spikewright.hdl.memory import Rom, RomStream, check_structure
from spikewright.hdl.nest import LoopNest, final_index
from spikewright.hdl.second import SecondBase, is_second
from spikewright.hdl.views import counts_view, descriptor_view, entries_view

#: The row at a walker's cursor: any entry, two of them, the end of the list.
_ROW = data.StructLayout({"one": 1, "two": 1, "ends": 1})


def _first_row(odd: Value, entries: Value) -> Value:
    """``_ROW`` of a list of ``entries`` that begins in the lower or (``odd``) upper half of a ROM row."""
    above_one = entries[1:].any()
    return Cat(entries.any(), ~odd & above_one, ~above_one | (~odd & (entries == 2)))


class WeightFetch(wiring.Component):
    """Sequencer and ROMs of the weight streams.

    For each output of a MAC descriptor, each place of its loop nest replays the output's lists. A list is ``count``
    entries from the list pointer on; ROM rows hold two entries, so a row a cycle and walker brings one or two.
    All walkers work at one place; they move on in the cycle in which the last of them finishes, so a place takes
    ``max(1, rows of the longest list)`` cycles. An empty list is one row without entries and with ``last``.
    With ``gate`` the entries are made, not read: rows 0 … of an attention head, the code being a product address; with
    ``head_odd`` none for the second stream of a head's last output.

    Latency from ``start`` to the first row 6 cycles. ``hold[w]`` stops walker w; up to 4 more rows follow it.
    Code 0 is no weight: the entry names a word of the residual stream to capture, in that stream's own layout. So do,
    with ``structure.second``, entries of a second value, marked by the bit above their code.
    Lists follow one another in program order: ``rewind`` (before each image) goes back to the first.
    Walker w is that of stream ``w // banks`` and bank ``w % banks``. Reset: idle, rewound.
    """

    #: Cycles from ``start`` until the first place is known.
    AHEAD = 2
    latency = Rom.latency + 2 + AHEAD

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        self.walkers = structure.shape.walkers
        super().__init__(
            {
                #: Begin a descriptor; only with ``ready``.
                "start": In(1),
                #: Go back to the first list.
                "rewind": In(1),
                #: The descriptor, held from ``start`` on.
                "config": In(descriptor_view(Kind.MAC, structure)),
                #: Each walker is to stop.
                "hold": In(1).array(self.walkers),
                #: Each walker's row.
                "rows": Out(row_layout(structure)).array(self.walkers),
                #: ``rows`` is there, for each walker.
                "valid": Out(1).array(self.walkers),
                #: The counts of the next output are there.
                "ready": Out(1),
                #: From the cycle after ``start`` until the last row has left the sequencer.
                "busy": Out(1),
            }
        )

    def model(
        self,
        config: Mapping[str, int],
        lists: Sequence[Sequence[Sequence[tuple[int, int]]]] = (),
        pointers: Sequence[int] = (),
    ) -> list[list[Row]]:
        """Rows of each walker for one descriptor.

        lists: output → walker → entries (offset, code); pointers: number of each walker's first entry in its ROM.
        """
        s, shape = self.structure, self.structure.shape
        walk, capture_walk = (LoopNest(structure=s).places(config, side) for side in ("in", "capture"))
        rows: list[list[Row]] = [[] for _ in range(self.walkers)]
        starts = list(pointers)
        for output in range(config["outputs"]):
            for i, (place, capture_place) in enumerate(zip(walk, capture_walk, strict=True)):
                for w in range(self.walkers):
                    base, capture = config["in_base"] + place.addr, config["capture_base"] + capture_place.addr
                    if config["gate"]:
                        row, element, count = self.gated(config, output, i % config["groups"], *divmod(w, shape.banks))
                        entries, skew = [(base + row + n, element + n) for n in range(count)], 0
                    else:
                        entries = [
                            ((capture if not code or is_second(s, code) else base) + offset, code)
                            for offset, code in lists[output][w]
                        ]
                        skew = starts[w] % 2
                    rows[w] += self._rows([(addr % (1 << s.address_bits), code) for addr, code in entries], skew)
            if not config["gate"]:
                starts = [start + len(entries) for start, entries in zip(starts, lists[output], strict=True)]
        return rows

    @staticmethod
    def gated(config: Mapping[str, int], output: int, group: int, stream: int, bank: int) -> tuple[int, int, int]:
        """Entries of attention at one place: first row beyond the place, first product address, and how many."""
        head, within = divmod(output, max(1, config["head_outputs"]))
        product = within * config["product_output"] + group * config["product_group"] + stream * config["head_rows"]
        product += head * ((config["head_outputs"] - 1) * config["product_output"] + config["product_head"])
        idle = stream and config["head_odd"] and within == config["head_outputs"] - 1
        count = 0 if idle else config["head_rows"] - (0 < config["head_rest"] <= bank)
        return head * config["head_rows"], product, count

    @staticmethod
    def _rows(entries: list[tuple[int, int]], skew: int) -> list[Row]:
        """Entries two by two; the first stands alone where its list begins in the middle of a ROM row."""
        slots = [*[None] * (skew if entries else 0), *entries]
        slots += [None] * (len(slots) % 2 or 2 * (not slots))
        return [(tuple(slots[i : i + 2]), i + 2 == len(slots)) for i in range(0, len(slots), 2)]

    def elaborate(self, platform: object) -> Module:
        s, shape, config = self.structure, self.structure.shape, self.config
        m = Module()
        m.submodules.nest = nest = LoopNest(structure=s)
        # the residual stream that a list captures lies in another layout: its own addresses, walked in step
        m.submodules.capture_nest = capture_nest = LoopNest(structure=s)
        m.submodules.counts = counts = RomStream.of(count_rom(s))
        lengths = data.View(counts_view(s), counts.o.payload)
        m.d.comb += counts.rewind.eq(self.rewind)
        for walk, side in ((nest, "in"), (capture_nest, "capture")):
            m.d.comb += [*walk.configured(config, side), walk.start.eq(self.start)]
        # The nests run ahead, their places wait in a queue: the end of all lists need not reach their counters in time.
        queued = data.StructLayout({"addr": s.address_bits, "capture": s.address_bits, "last_group": 1, "last": 1})
        m.submodules.places = places = ResetInserter(self.start)(SyncFIFO(width=queued.size, depth=4))
        coming, here = data.View(queued, places.r_data), Signal(queued, reset_less=True)
        m.d.comb += [
            places.w_data.eq(Cat(nest.addr, capture_nest.addr, nest.last_group, nest.last)),
            places.w_en.eq(1),
            nest.advance.eq(places.w_rdy),
            capture_nest.advance.eq(places.w_rdy),
        ]
        advance = Signal()  # to the next place
        begin = self._delay(m, self.start, self.AHEAD, "start")  # when the first place is queued
        m.d.comb += places.r_en.eq(begin | advance)
        with m.If(places.r_en):
            m.d.sync += here.eq(coming)

        output = Signal(s.loop_bits)
        head_output = Signal(s.loop_bits)
        in_base = Signal(s.address_bits)
        product_base = Signal(range(s.product_depth))  # of the current output, first step group
        product_addr = Signal(range(s.product_depth))
        running, done_all, last_output = Signal(), Signal(), Signal()
        m.d.comb += [
            self.ready.eq(counts.o.valid),
            last_output.eq(output == final_index(m, config.outputs, "outputs")),
            advance.eq(running & done_all),
        ]
        new_output = Signal()  # the next place is the first of another output
        m.d.comb += new_output.eq(advance & here.last & ~last_output)
        m.d.comb += counts.o.ready.eq(~config.gate & (begin | new_output))

        head_end, final_head = Signal(), final_index(m, config.head_outputs, "head_outputs")
        m.d.comb += head_end.eq(head_output == final_head)
        alone = Signal()  # the next output has no partner in the second stream
        if shape.streams > 1:
            next_output = Mux(begin | head_end, 0, head_output + 1)
            m.d.comb += alone.eq(config.head_odd & (next_output == final_head))
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.If(begin):
            m.d.sync += [
                running.eq(1),
                output.eq(0),
                head_output.eq(0),
                in_base.eq(config.in_base),
                product_base.eq(0),
                product_addr.eq(0),
            ]
        with m.Elif(advance):
            with m.If(here.last):
                m.d.sync += output.eq(output + 1)
                with m.If(last_output):
                    m.d.sync += [self.busy.eq(0), running.eq(0)]
                next_product = Signal.like(product_base)
                with m.If(head_end):
                    m.d.sync += [head_output.eq(0), in_base.eq(in_base + Mux(config.gate, config.head_rows, 0))]
                    m.d.comb += next_product.eq(product_base + config.product_head)
                with m.Else():
                    m.d.sync += head_output.eq(head_output + 1)
                    m.d.comb += next_product.eq(product_base + config.product_output)
                m.d.sync += [product_base.eq(next_product), product_addr.eq(next_product)]
            with m.Elif(here.last_group):
                m.d.sync += product_addr.eq(product_base)
            with m.Else():
                m.d.sync += product_addr.eq(product_addr + config.product_group)

        base, capture_base = Signal.like(in_base), Signal.like(in_base)
        m.d.comb += [base.eq(in_base + here.addr), capture_base.eq(config.capture_base + here.capture)]

        finished = Signal(self.walkers)
        m.d.comb += done_all.eq(finished.all())
        place = [self._delay(m, value, 2, f"place{i}") for i, value in enumerate((base, capture_base, product_addr))]
        for w in range(self.walkers):
            stream, bank = divmod(w, shape.banks)
            rom = Rom.of(weight_rom(s, stream, bank))
            m.submodules[f"weight_rom_{stream}_{bank}"] = rom
            pointer = Signal(s.pointer_bits, name=f"pointer{w}")  # first entry of the current list
            cursor = Signal(s.pointer_bits, name=f"cursor{w}")
            left = Signal(s.count_bits, name=f"left{w}")
            count = Signal(s.count_bits, name=f"count{w}")  # of the current list
            done = Signal(name=f"done{w}", init=1)  # with the current list, or with everything
            # what the row at the cursor holds, and the list's first row: out of registers, for all wait for the slowest
            row, first = Signal(_ROW, name=f"row_of{w}"), Signal(_ROW, name=f"first_row{w}")
            fetch = Signal(name=f"fetch{w}")
            m.d.comb += [
                fetch.eq(~done & ~self.hold[w]),
                finished[w].eq(done | (row.ends & ~self.hold[w])),
                rom.addr.eq(cursor >> 1),
            ]
            # in gates: ``>`` would be a carry chain in the walker's longest path
            above_three = left[2:].any()
            above_two, above_four = above_three | left[:2].all(), left[3:].any() | (above_three & left[:2].any())
            new_start, new_count = Signal.like(pointer, name=f"new_start{w}"), Signal.like(count, name=f"new_count{w}")
            with m.If(config.gate):
                own = config.head_rows - ((config.head_rest != 0) & (config.head_rest <= bank))
                m.d.comb += new_count.eq(Mux(alone, 0, own) if stream else own)
            with m.Else():
                m.d.comb += [
                    new_start.eq(pointer + Mux(begin, 0, count)),
                    new_count.eq(lengths[w].entries),
                ]
            with m.If(begin | (advance & here.last)):
                new_row = _first_row(new_start[0], new_count)
                m.d.sync += [cursor.eq(new_start), left.eq(new_count), count.eq(new_count)]
                m.d.sync += [row.eq(new_row), first.eq(new_row), done.eq(~begin & last_output)]
                with m.If(~config.gate):
                    m.d.sync += pointer.eq(new_start)
            with m.Elif(advance):
                m.d.sync += [cursor.eq(Mux(config.gate, 0, pointer)), left.eq(count), row.eq(first), done.eq(0)]
            with m.Elif(fetch):
                m.d.sync += [
                    done.eq(row.ends),
                    cursor.eq(cursor + Mux(row.two, 2, row.one)),
                    left.eq(left - Mux(row.two, 2, row.one)),
                    # behind this row the cursor is even, and a list that goes on has an entry there
                    row.two.eq(Mux(cursor[0], above_two, above_three)),
                    row.ends.eq(~Mux(cursor[0], above_three, above_four)),
                ]
            with m.If(self.rewind):
                m.d.sync += pointer.eq(0)

            lower, upper = row.one & (row.two | ~cursor[0]), row.one & (row.two | cursor[0])
            self._deliver(m, w, rom, place, Cat(fetch, row.ends, lower, upper), cursor)
        return m

    @staticmethod
    def _delay(m: Module, value: Signal, cycles: int, name: str) -> Signal:
        """``value`` some cycles later, through registers without reset."""
        for i in range(cycles):
            delayed = Signal.like(value, name=f"{name}_{i}", reset_less=True)
            m.d.sync += delayed.eq(value)
            value = delayed
        return value

    def _deliver(self, m: Module, w: int, rom: Rom, place: list[Signal], flags: Signal, cursor: Signal) -> None:
        """The row's way through the ROM (two cycles) and the address adder (one)."""
        s, config = self.structure, self.config
        shape = s.shape
        control = Signal(4, name=f"flags{w}")
        m.d.comb += control.eq(flags)
        row_flags = control
        for i in range(Rom.latency):
            delayed = Signal(4, name=f"flags{w}_{i}")
            m.d.sync += delayed.eq(row_flags)
            row_flags = delayed
        row_number = self._delay(m, cursor, 2, f"row{w}")
        base, capture_base, product = place
        words = data.View(entries_view(s), rom.data)
        m.d.sync += [
            self.valid[w].eq(row_flags[0]),
            self.rows[w].last.eq(row_flags[1]),
        ]
        stream = w // shape.banks
        for i in range(2):
            entry = self.rows[w].entries[i]
            word = words[i]
            m.d.sync += entry.valid.eq(row_flags[2 + i])
            with m.If(config.gate):
                index = (row_number & ~1) | i
                # the second stream works on the next output of the same head
                product_row = index + (config.head_rows if stream else 0)
                m.d.sync += [entry.addr.eq(base + index), entry.code.eq(product + product_row)]
            with m.Else():
                if s.second:
                    second = SecondBase(structure=s)
                    m.submodules[f"second{w}_{i}"] = second
                    m.d.comb += [
                        second.code.eq(Cat(word.code, word.second)),
                        second.offset.eq(word.offset),
                        second.base.eq(base),
                        second.second_base.eq(capture_base),
                    ]
                    m.d.sync += [entry.addr.eq(second.addr), entry.code.eq(second.code)]
                else:
                    m.d.sync += [
                        entry.addr.eq(Mux(word.code == 0, capture_base, base) + word.offset),
                        entry.code.eq(word.code),
                    ]
