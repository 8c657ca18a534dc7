"""The design's clock from the board's oscillator."""

from typing import Any

from amaranth.hdl import ClockSignal, Const, Module
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from spikewright.boards.registry import family_of
from spikewright.boards.schema import Board


class ClockGenerator(wiring.Component):
    """Drives the ``sync`` domain (which the top defines): the family's PLL, and reset held until it has locked.

    Reset: asserted asynchronously without lock, released synchronously. The oscillator feeds the design directly
    where it already has the frequency asked for. The tools derive the clock's constraint from the oscillator's.

    board: whose oscillator and family these are.
    """

    def __init__(self, board: Board) -> None:
        super().__init__({})
        self._board = board

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        board = self._board
        m.submodules.buffer = buffer = io.Buffer("i", platform.request(board.oscillator.resource, 0, dir="-"))
        clock, locked = buffer.i, Const(1)
        if board.clock_mhz != board.oscillator.mhz:
            clock, locked = family_of(board).clock(m, buffer.i, board)
        m.d.comb += ClockSignal("sync").eq(clock)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        return m
