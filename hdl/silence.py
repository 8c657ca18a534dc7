"""Silence filter: drops weight entries whose spike words are silent, before they cost a cycle in the lanes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.memories import silence_bank
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.entries import Row, piece_layout, row_layout
from spikewright.hdl.memory import Bank, check_positive, check_structure
from spikewright.hdl.second import is_second


def at_most_one(bits: Value) -> Value:
    """Whether at most one bit is set, as a tree of (any, more than one)."""
    level: list[tuple[Value, Value]] = [(bit, Const(0, 1)) for bit in bits]
    while len(level) > 1:
        pairs = [
            (a | b, more_a | more_b | (a & b))
            for (a, more_a), (b, more_b) in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[2 * len(pairs) :]
    return ~level[0][1]


class LiveMemory(wiring.Component):
    """One bank's silence bits: for the address of a value's plane 0, which of its planes hold any spike.

    Read latency two cycles (memory, register), one read a cycle and read port, one write a cycle. No reset of the
    contents.

    ports: number of read ports.
    """

    latency = 2
    model = staticmethod(Bank.model)

    def __init__(self, *, structure: Structure, ports: int) -> None:
        check_positive(ports=ports)
        self.structure, self.ports = check_structure(structure), ports
        address = structure.address_bits
        super().__init__(
            {
                #: The bits of a value are written in this cycle.
                "write_en": In(1),
                #: Address of its plane 0.
                "write_addr": In(address),
                #: Bit p: plane p holds a spike.
                "write_planes": In(structure.planes),
                #: Address of plane 0 of the value that each read port asks for.
                "read_addr": In(address).array(ports),
                #: Bit p: plane p of that value holds a spike; two cycles later.
                "planes": Out(structure.planes).array(ports),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i in range(self.ports):
            bank = Bank.of(silence_bank(self.structure))
            m.submodules[f"live{i}"] = bank
            m.d.comb += [
                bank.write_en.eq(self.write_en),
                bank.write_addr.eq(self.write_addr),
                bank.write_data.eq(self.write_planes),
                bank.read_addr.eq(self.read_addr[i]),
            ]
            m.d.sync += self.planes[i].eq(bank.read_data)
        return m


class SilenceFilter(wiring.Component):
    """Looks up both entries of a row, keeps the (entry, plane) pairs that hold spikes, and queues what is left.

    A row in a cycle. A row of which nothing is left is dropped, unless it ends its list. Without ``shape.skip`` there
    is no memory to ask: every plane of every valid entry is kept. Latency from ``valid`` to ``piece_valid``: 4 cycles
    (2 without skipping). ``hold`` asks the fetch to stop while there is still room for the rows on their way.
    ``in_planes``, ``capture_planes`` and ``captures`` are held from a cycle before the first row on. Reset: empty.
    """

    #: Room for the rows between ``hold`` and its end, and for as many more: with 16 in all, a list that follows a long
    #: one of another bank came late where a sum takes two cycles.
    DEPTH = 32
    #: Rows that may still come after ``hold``: fetch pipeline (4) and this one's (4).
    RESERVE = 9

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        super().__init__(
            {
                #: A row from the fetch.
                "row": In(row_layout(structure)),
                #: ``row`` is there.
                "valid": In(1),
                #: Planes of a value that is read.
                "in_planes": In(range(structure.planes + 1)),
                #: Planes of a captured word (code 0), or of the second value.
                "capture_planes": In(range(structure.planes + 1)),
                #: Entries are weights, and code 0 names a word to capture; not K^T V elements.
                "captures": In(1),
                #: Address of plane 0 of each entry, to the silence bits.
                "live_addr": Out(structure.address_bits).array(2),
                #: Bit p: plane p of that value holds a spike; two cycles later.
                "live_planes": In(structure.planes).array(2),
                #: The fetch is to stop.
                "hold": Out(1),
                #: The next row of which something is left.
                "piece": Out(piece_layout(structure)),
                #: ``piece`` is there.
                "piece_valid": Out(1),
                #: ``piece`` is taken where it is there.
                "piece_ready": In(1),
                #: (Entry, plane) pairs dropped in this cycle.
                "skipped": Out(range(2 * structure.planes + 1)),
            }
        )

    def model(
        self, row: Row, live: tuple[int, int], *, in_planes: int, capture_planes: int, captures: bool
    ) -> tuple[tuple[int, int], bool, int]:
        """Planes left of both entries, whether the row is dropped, and the number of pairs skipped."""
        entries, last = row
        every = [0, 0]
        for i, entry in enumerate(entries):
            if entry is not None:
                other = entry[1] % (1 << self.structure.code_bits) == 0 or is_second(self.structure, entry[1])
                captured = captures and other
                every[i] = (1 << (capture_planes if captured else in_planes)) - 1
        left = tuple(e & f if self.structure.shape.skip else e for e, f in zip(every, live, strict=True))
        skipped = sum(e.bit_count() for e in every) - sum(n.bit_count() for n in left)
        return (left[0], left[1]), not last and not any(left), skipped

    @property
    def latency(self) -> int:
        return (LiveMemory.latency if self.structure.shape.skip else 0) + 2

    def elaborate(self, platform: object) -> Module:
        s = self.structure
        m = Module()
        width = s.planes
        row, valid = self.row, self.valid
        m.d.comb += [self.live_addr[i].eq(row.entries[i].addr) for i in range(2)]
        if s.shape.skip:
            for i in range(LiveMemory.latency):
                delayed_row = Signal(row_layout(s), name=f"row{i}", reset_less=True)
                delayed_valid = Signal(name=f"valid{i}")
                m.d.sync += [delayed_row.eq(row), delayed_valid.eq(valid)]
                row, valid = delayed_row, delayed_valid

        piece = Signal(piece_layout(s), reset_less=True)
        push = Signal()
        skipped = [Signal(range(width + 1), name=f"skipped{i}") for i in range(2)]
        every_read, every_captured = Signal(width), Signal(width)  # held through a descriptor
        m.d.sync += [every_read.eq((1 << self.in_planes) - 1), every_captured.eq((1 << self.capture_planes) - 1)]
        pending = []
        for i in range(2):
            entry = row.entries[i]
            mask, every = Signal(width, name=f"mask{i}"), Signal(width, name=f"every{i}")
            capture = self.captures & (entry.code[: s.code_bits] == 0)
            if s.second:
                capture = self.captures & ((entry.code[: s.code_bits] == 0) | entry.code[s.code_bits])
            m.d.comb += every.eq(Mux(capture, every_captured, every_read))
            m.d.comb += mask.eq(Mux(entry.valid, self.live_planes[i] & every if s.shape.skip else every, 0))
            m.d.sync += [
                piece.addr[i].eq(entry.addr),
                piece.code[i].eq(entry.code),
                skipped[i].eq(Mux(valid & entry.valid, sum((every & ~mask)[p] for p in range(width)), 0)),
            ]
            pending.append(mask)
        m.d.sync += [
            piece.pending.eq(Cat(*pending)),
            piece.last.eq(row.last),
            push.eq(valid & (row.last | Cat(*pending).any())),
            self.skipped.eq(skipped[0] + skipped[1]),
        ]
        queued = Signal(piece_layout(s))
        m.d.comb += [queued.eq(piece), queued.final.eq(at_most_one(piece.pending))]
        m.submodules.fifo = fifo = SyncFIFO(width=piece.shape().size, depth=self.DEPTH)
        m.d.comb += [
            fifo.w_data.eq(queued),
            fifo.w_en.eq(push),
            self.piece.eq(fifo.r_data),
            self.piece_valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.piece_ready),
        ]
        m.d.sync += self.hold.eq(fifo.level >= self.DEPTH - self.RESERVE - 1)
        return m
