"""Spike memory: the channel banks, and the silence bits beside them."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.memories import spike_bank
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.memory import Bank, check_structure
from spikewright.hdl.silence import LiveMemory


class SpikePorts(wiring.Signature):
    """The ports of spike memory, as the engine sees them; read port p is that of walker p (stream · banks + bank)."""

    def __init__(self, structure: Structure) -> None:
        shape, address = structure.shape, structure.address_bits
        super().__init__(
            {
                #: Address of the word to read, for each read port.
                "read_addr": Out(address).array(shape.walkers),
                #: That word, three cycles later.
                "words": In(shape.lanes).array(shape.walkers),
                #: Address of plane 0 of a value whose silence bits are asked for, two a read port (2 · port + i).
                "live_addr": Out(address).array(2 * shape.walkers),
                #: Bit p: plane p of that value holds a spike; two cycles later. 0 without ``shape.skip``.
                "live": In(structure.planes).array(2 * shape.walkers),
                #: A word is written in this cycle, a bit for each bank.
                "write_en": Out(shape.banks),
                #: Its address, for each bank.
                "write_addr": Out(address).array(shape.banks),
                #: The word, for each bank.
                "write_data": Out(shape.lanes).array(shape.banks),
                #: The silence bits of a value are written in this cycle, a bit for each bank.
                "live_en": Out(shape.banks),
                #: Address of its plane 0, for each bank.
                "live_write_addr": Out(address).array(shape.banks),
                #: Bit p: plane p holds a spike; for each bank.
                "live_data": Out(structure.planes).array(shape.banks),
            }
        )


class SpikeMemory(wiring.Component):
    """``banks`` banks of spike words; each is read by every stream and written once a cycle.

    A second stream reads a second copy of the bank. Read latency 3 cycles (address register, block RAM, word register),
    one word a cycle; silence bits 2 cycles. Contents are not reset; a word that is written in the cycle after its
    address came in (silence bits: in the same cycle) is undefined and never scheduled. Ports: ``SpikePorts``.
    """

    latency = 3
    model = staticmethod(Bank.model)  # of one bank, and of one bank's silence bits

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        super().__init__(SpikePorts(structure).flip())

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        for port in range(shape.walkers):
            stream, b = divmod(port, shape.banks)
            bank = Bank.of(spike_bank(s))
            m.submodules[f"bank{b}_{stream}"] = bank
            address = Signal(s.address_bits, name=f"address{port}", reset_less=True)
            word = Signal(shape.lanes, name=f"word{port}", reset_less=True)
            m.d.sync += [address.eq(self.read_addr[port]), word.eq(bank.read_data)]
            m.d.comb += [
                bank.read_addr.eq(address),
                bank.write_en.eq(self.write_en[b]),
                bank.write_addr.eq(self.write_addr[b]),
                bank.write_data.eq(self.write_data[b]),
                self.words[port].eq(word),
            ]
        if s.shape.skip:
            for b in range(shape.banks):
                live = LiveMemory(structure=s, ports=2 * shape.streams)
                m.submodules[f"live{b}"] = live
                m.d.comb += [
                    live.write_en.eq(self.live_en[b]),
                    live.write_addr.eq(self.live_write_addr[b]),
                    live.write_planes.eq(self.live_data[b]),
                ]
                for stream in range(shape.streams):
                    for i in range(2):
                        port = 2 * (stream * shape.banks + b) + i
                        m.d.comb += [
                            live.read_addr[2 * stream + i].eq(self.live_addr[port]),
                            self.live[port].eq(live.planes[2 * stream + i]),
                        ]
        return m
