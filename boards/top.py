"""The top of a bitstream: clock, pins, and the accelerator behind its link."""

from typing import Any

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib import io

from spikewright.boards.clocking import ClockGenerator
from spikewright.boards.link.link import LinkedAccelerator
from spikewright.boards.link.uart import divisor_for
from spikewright.boards.schema import Board


class BoardTop(Elaboratable):
    """A design for one board: everything in the ``sync`` domain at the board's clock, the link on its UART.

    accelerator: component with ``pixels`` and ``results`` (``ACCELERATOR`` of the link).
    board: description, from ``load_board``.
    image_bytes, result_words, build_id: as ``Link``.
    """

    def __init__(self, accelerator: Any, board: Board, *, image_bytes: int, result_words: int, build_id: int) -> None:
        self._board = board
        self._clock = ClockGenerator(board)
        self._linked = LinkedAccelerator(
            accelerator,
            image_bytes=image_bytes,
            result_words=result_words,
            build_id=build_id,
            divisor=divisor_for(board.clock_mhz * 1e6, board.uart.baud),
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain("sync")
        m.submodules.clock = self._clock
        m.submodules.linked = linked = self._linked
        uart = platform.request(self._board.uart.resource, self._board.uart.number, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [linked.rx.eq(rx.i), tx.o.eq(linked.tx)]
        return m
