"""Memories: the weight ROM, the spike banks, and a ROM read as a stream."""

from collections.abc import Iterable, Sequence

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from spikewright.compiler.structure import Structure, bits_for


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

    Parameters
    ----------
    width, depth: bits of a word, number of words.
    file: name of the hex file, resolved by the simulator or by synthesis in its working folder.

    Members
    -------
    addr: In(unsigned), data: Out(width)
    """

    latency = 2

    def __init__(self, *, width: int, depth: int, file: str) -> None:
        check_positive(width=width, depth=depth)
        self.width, self.depth, self.file = width, depth, file
        super().__init__({"addr": In(bits_for(depth - 1)), "data": Out(width)})

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
    """

    latency = 1

    def __init__(self, *, width: int, depth: int, file: str | None = None) -> None:
        check_positive(width=width, depth=depth)
        self.width, self.depth, self.file = width, depth, file
        address = bits_for(depth - 1)
        super().__init__(
            {
                "write_en": In(1),
                "write_addr": In(address),
                "write_data": In(width),
                "read_addr": In(address),
                "read_data": Out(width),
            }
        )

    @staticmethod
    def model(words: list[int], accesses: Iterable[tuple[int | None, int, int]]) -> list[int]:
        """The words that accesses (address written or None, word written, address read) read; changes ``words``."""
        found = []
        for where, word, read in accesses:
            found.append(words[read])
            if where is not None:
                words[where] = word
        return found

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

    Members
    -------
    rewind: In(1); o: Out(stream of ``width`` bits)
    """

    DEPTH = 4
    latency = Rom.latency + 2

    def __init__(self, *, width: int, depth: int, file: str) -> None:
        self.rom = Rom(width=width, depth=depth, file=file)
        super().__init__({"rewind": In(1), "o": Out(stream.Signature(width))})

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
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        with m.If(self.rewind):
            m.d.sync += [owed.eq(0), flight.eq(0), rom.addr.eq(0)]
        with m.Else():
            m.d.sync += [flight.eq(Cat(ask, flight)), owed.eq(owed + ask - take), rom.addr.eq(rom.addr + ask)]
        return m
