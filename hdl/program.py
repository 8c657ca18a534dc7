"""Program (configuration) memory: the descriptors, one after the other, the next one ready while one is worked on."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import KIND_BITS, Kind, descriptor_words
from spikewright.compiler.target.memories import program_rom
from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.hdl.memory import RomStream, check_structure
from spikewright.hdl.views import descriptor_view


class ProgramMemory(wiring.Component):
    """Reads descriptors from ``program.hex`` and shows the next one.

    A descriptor is ``words`` 32-bit words; it is gathered in ``words`` cycles and more while the one before is worked
    on. ``take`` (only with ``valid``) moves it to ``current``; ``rewind`` starts over with the first and may come with
    ``take``: the first descriptor is there ``latency`` cycles later. Reset: rewound, ``current`` zero (END).
    """

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        self.words = descriptor_words(structure)
        self.latency = RomStream.latency + self.words
        bits = self.words * WORD_BITS
        super().__init__(
            {
                #: Make the next descriptor the current one; only with ``valid``.
                "take": In(1),
                #: Start over with the first descriptor.
                "rewind": In(1),
                #: The next descriptor is there.
                "valid": Out(1),
                #: Kind of the current descriptor.
                "kind": Out(KIND_BITS),
                #: Kind of the next one, with ``valid``.
                "next_kind": Out(KIND_BITS),
                #: The descriptor that is worked on.
                "current": Out(bits),
                #: The next one, with ``valid``.
                "following": Out(bits),
            }
        )

    def model(self, words: Sequence[int]) -> list[int]:
        """The packed descriptors, in order, from the words of ``program.hex``."""
        return [
            sum(word << (WORD_BITS * i) for i, word in enumerate(words[first : first + self.words]))
            for first in range(0, len(words) - self.words + 1, self.words)
        ]

    def view(self, kind: Kind, which: Signal | None = None) -> data.View:
        """The fields of ``current`` (or ``which``) read as ``kind``."""
        shape = descriptor_view(kind, self.structure)
        source = self.current if which is None else which
        return data.View(shape, source[: shape.size])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rom = rom = RomStream.of(program_rom(self.structure))
        count = Signal(range(self.words + 1))
        m.d.comb += [
            rom.rewind.eq(self.rewind),
            rom.o.ready.eq(count != self.words),
            self.valid.eq(count == self.words),
            self.kind.eq(self.current[:KIND_BITS]),
            self.next_kind.eq(self.following[:KIND_BITS]),
        ]
        with m.If(rom.o.valid & rom.o.ready):
            m.d.sync += [self.following.eq(Cat(self.following[WORD_BITS:], rom.o.payload)), count.eq(count + 1)]
        with m.If(self.take):
            m.d.sync += [self.current.eq(self.following), count.eq(0)]
        with m.If(self.rewind):
            m.d.sync += count.eq(0)
        return m
