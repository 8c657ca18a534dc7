"""Second base: entries of one list that name words of two values, each with its own place and its own reading."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.structure import Structure
from spikewright.hdl.entries import operand_bits
from spikewright.hdl.memory import check_structure


def is_second(structure: Structure, code: int) -> bool:
    """Whether an entry is of the second value: the bit above its packed code, where the structure has one."""
    return bool(structure.second and code >> structure.code_bits & 1)


class SecondBase(wiring.Component):
    """Address of an entry: its offset from the base of the value that it is of.

    Of the second value are entries whose ``second`` bit is set (the one above the code), and those of code 0, which
    name a word to capture: no layer has both. Combinational: latency 0, no reset. Addresses wrap at their width.
    """

    latency = 0

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        address = structure.address_bits
        super().__init__(
            {
                #: The entry's packed code, the bit of the second value above it.
                "code": In(operand_bits(structure)),
                #: The entry's offset.
                "offset": In(structure.offset_bits),
                #: Base of the value that the layer reads.
                "base": In(address),
                #: Base of the second value.
                "second_base": In(address),
                #: Address of plane 0 of the entry's word.
                "addr": Out(address),
            }
        )

    def model(self, code: int, offset: int, base: int, second_base: int) -> int:
        """The address."""
        chosen = second_base if is_second(self.structure, code) or not code else base
        return (chosen + offset) % (1 << self.structure.address_bits)

    def elaborate(self, platform: object) -> Module:
        s = self.structure
        m = Module()
        other = self.code[: s.code_bits] == 0
        if s.second:
            other = other | self.code[s.code_bits]
        m.d.comb += self.addr.eq(Mux(other, self.second_base, self.base) + self.offset)
        return m
