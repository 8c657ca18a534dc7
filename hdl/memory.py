"""Memories: the weight ROM, the spike banks, and a ROM read as a stream."""

from collections.abc import Iterable, Sequence

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.memories import Memory
from spikewright.compiler.target.structure import Structure, bits_for


def check_positive(**values: int) -> None:
    """Raise ``ValueError`` unless every value is a positive integer."""
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, not {value!r}")


def check_structure(structure: Structure) -> Structure:
    """``structure`` itself; ``ValueError`` where it is none."""
    if not isinstance(structure, Structure):
        raise ValueError(f"structure must be a Structure, not {structure!r}")
    return structure


class Rom(wiring.Component):
    """Weight ROM: contents from a hex file next to the design.

    Latency two cycles (block RAM, then a register with nothing between them); one word a cycle. No reset: ``data`` is
    what ``addr`` named two cycles ago.

    width: width of a word, bits.
    depth: number of words.
    file: name of the hex file, which the simulator or synthesis looks for in its working folder.
    """

    latency = 2

    def __init__(self, *, width: int, depth: int, file: str) -> None:
        check_positive(width=width, depth=depth)
        self.width, self.depth, self.file = width, depth, file
        super().__init__(
            {
                #: Number of the word to read.
                "addr": In(bits_for(depth - 1)),
                #: That word, two cycles later.
                "data": Out(width),
            }
        )

    @classmethod
    def of(cls, memory: Memory) -> "Rom":
        """The instance of a memory of the structure."""
        assert memory.file is not None
        return cls(width=memory.width, depth=memory.depth, file=memory.file)

    @staticmethod
    def model(words: Sequence[int], addresses: Iterable[int]) -> list[int]:
        """The word of each address, which ``data`` shows ``latency`` cycles later."""
        return [words[address] for address in addresses]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        raw = Signal(self.width)
        registered = Signal(self.width, reset_less=True)
        m.submodules.rom = Instance(
            "weight_rom",
            p_WIDTH=self.width,
            p_DEPTH=self.depth,
            p_ADDRESS=len(self.addr),
            p_FILE=self.file,
            i_clk=ClockSignal(),
            i_addr=self.addr,
            o_data=raw,
        )
        m.d.sync += registered.eq(raw)
        m.d.comb += self.data.eq(registered)
        return m


class Bank(wiring.Component):
    """Words with one write and one read port, built from ``spike_bank.v`` (or ``patch_table.v`` with a file).

    Read latency one cycle, one read and one write a cycle. No reset of the contents. Reading the address that is
    written in the same cycle gives an undefined word: the engine's schedules never do that.

    width: width of a word, bits.
    depth: number of words.
    file: name of the hex file of the first contents, None without.
    """

    latency = 1

    def __init__(self, *, width: int, depth: int, file: str | None = None) -> None:
        check_positive(width=width, depth=depth)
        self.width, self.depth, self.file = width, depth, file
        address = bits_for(depth - 1)
        super().__init__(
            {
                #: A word is written in this cycle.
                "write_en": In(1),
                #: Number of the word to write.
                "write_addr": In(address),
                #: The word to write.
                "write_data": In(width),
                #: Number of the word to read.
                "read_addr": In(address),
                #: That word, one cycle later.
                "read_data": Out(width),
            }
        )

    @classmethod
    def of(cls, memory: Memory) -> "Bank":
        """The instance of a memory of the structure."""
        return cls(width=memory.width, depth=memory.depth, file=memory.file)

    @staticmethod
    def model(words: list[int], accesses: Iterable[tuple[int | None, int, int]]) -> list[int]:
        """The words that accesses (address written or None, word written, address read) read; changes ``words``."""
        shown = []
        for where, word, read in accesses:
            shown.append(words[read])
            if where is not None:
                words[where] = word
        return shown

    def elaborate(self, platform: object) -> Module:
        m = Module()
        extra = {} if self.file is None else {"p_FILE": self.file}
        m.submodules.bank = Instance(
            "spike_bank" if self.file is None else "patch_table",
            p_WIDTH=self.width,
            p_DEPTH=self.depth,
            p_ADDRESS=len(self.read_addr),
            **extra,
            i_clk=ClockSignal(),
            i_write_en=self.write_en,
            i_write_addr=self.write_addr,
            i_write_data=self.write_data,
            i_read_addr=self.read_addr,
            o_read_data=self.read_data,
        )
        return m


class RomStream(wiring.Component):
    """A ROM read from its first word on, as a stream.

    Up to one word a cycle, four words prefetched. ``rewind`` drops what is prefetched and starts over: the first word
    is valid ``latency`` cycles later. ``rewind`` wins over a transfer in the same cycle. After reset the stream is
    rewound. Behind the last word the contents are undefined.

    width, depth, file: as ``Rom``.
    """

    #: Words of the queue behind the ROM.
    DEPTH = 4
    latency = Rom.latency + 2

    def __init__(self, *, width: int, depth: int, file: str) -> None:
        self.rom = Rom(width=width, depth=depth, file=file)
        super().__init__(
            {
                #: Start over with the first word.
                "rewind": In(1),
                #: The words in order.
                "o": Out(stream.Signature(width)),
            }
        )

    @classmethod
    def of(cls, memory: Memory) -> "RomStream":
        """The instance of a memory of the structure."""
        assert memory.file is not None
        return cls(width=memory.width, depth=memory.depth, file=memory.file)

    @staticmethod
    def model(words: Sequence[int], count: int) -> list[int]:
        """The first ``count`` items after reset or ``rewind``."""
        return list(words[:count])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rom = rom = self.rom
        m.submodules.fifo = fifo = ResetInserter(self.rewind)(SyncFIFO(width=rom.width, depth=self.DEPTH))
        owed = Signal(range(self.DEPTH + 1))  # words asked for and not yet taken: never more than the FIFO holds
        flight = Signal(Rom.latency)  # words on their way through the ROM
        ask, take = Signal(), Signal()
        m.d.comb += [
            ask.eq(owed < self.DEPTH),
            take.eq(self.o.valid & self.o.ready),
            fifo.w_data.eq(rom.data),
            fifo.w_en.eq(flight[-1]),
        ]
        wiring.connect(m, fifo.r_stream, wiring.flipped(self.o))
        with m.If(self.rewind):
            m.d.sync += [owed.eq(0), flight.eq(0), rom.addr.eq(0)]
        with m.Else():
            m.d.sync += [flight.eq(Cat(ask, flight)), owed.eq(owed + ask - take), rom.addr.eq(rom.addr + ask)]
        return m
