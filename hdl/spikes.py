"""Spike memory: the channel banks, and the silence bits beside them."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.structure import Structure

from .memory import Bank, check_structure
from .silence import LiveMemory


class SpikeMemory(wiring.Component):
    """``banks`` banks of spike words; each is read by every stream and written once a cycle.

    A second stream reads a second copy of the bank. Read latency 3 cycles (address register, block RAM, word register),
    one word a cycle; silence bits 2 cycles. Contents are not reset; a word that is written in the cycle after its
    address came in (silence bits: in the same cycle) is undefined and never scheduled.

    Members (read ports: index stream · banks + bank)
    -------
    read_addr: In; words: Out(lanes) a read port
    live_addr: In; live: Out(planes), two a read port (2 · port + i); 0 without ``shape.skip``
    write_en, live_en: In(banks); write_addr, live_write_addr, write_data, live_data: In a bank
    """

    latency = 3
    model = staticmethod(Bank.model)  # of one bank, and of one bank's silence bits

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape, address = structure.shape, structure.address_bits
        self.ports = shape.streams * shape.banks
        super().__init__(
            {
                "read_addr": In(address).array(self.ports),
                "words": Out(shape.lanes).array(self.ports),
                "live_addr": In(address).array(2 * self.ports),
                "live": Out(structure.planes).array(2 * self.ports),
                "write_en": In(shape.banks),
                "write_addr": In(address).array(shape.banks),
                "write_data": In(shape.lanes).array(shape.banks),
                "live_en": In(shape.banks),
                "live_write_addr": In(address).array(shape.banks),
                "live_data": In(structure.planes).array(shape.banks),
            }
        )

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        for port in range(self.ports):
            stream, b = divmod(port, shape.banks)
            bank = Bank(width=shape.lanes, depth=s.bank_depth)
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
