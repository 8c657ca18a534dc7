"""The design's clock from the board's oscillator, through the ECP5's PLL."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from spikewright.boards.registry import BoardError
from spikewright.boards.schema import Board

#: Limits of the EHXPLLL, MHz: phase detector from, oscillator from … to.
DETECTOR_FROM, VCO_FROM, VCO_TO = 3.125, 400.0, 800.0


@dataclass(frozen=True)
class PllSettings:
    """Dividers of an EHXPLLL with feedback from its primary output.

    Members:
        reference, feedback, output: CLKI_DIV, CLKFB_DIV, CLKOP_DIV, each 1…128
        mhz: the exact output frequency
    """

    reference: int
    feedback: int
    output: int
    mhz: float

    @classmethod
    def find(cls, source_mhz: float, target_mhz: float) -> "PllSettings":
        """Settings whose output is the target; BoardError where there are none."""
        found: list[tuple[float, int, int, float]] = []
        for reference in range(1, 129):
            if source_mhz / reference < DETECTOR_FROM:
                break
            feedback = round(target_mhz * reference / source_mhz)
            if 1 <= feedback <= 128:
                mhz = source_mhz * feedback / reference
                found.append((abs(mhz - target_mhz), reference, feedback, mhz))
        if not found or min(found)[0] > 1e-6 * target_mhz:
            raise BoardError(f"the PLL makes no {target_mhz:g} MHz from {source_mhz:g} MHz")
        _, reference, feedback, mhz = min(found)
        outputs = [d for d in range(1, 129) if VCO_FROM <= mhz * d <= VCO_TO]
        if not outputs:
            raise BoardError(f"the PLL makes no {target_mhz:g} MHz: it would have to swing outside 400…800 MHz")
        return cls(reference, feedback, outputs[len(outputs) // 2], mhz)


class ClockGenerator(wiring.Component):
    """Drives the `sync` domain (which the top defines): PLL, and reset held until the PLL has locked.

    Reset: asserted asynchronously without lock, released synchronously. The oscillator feeds the design directly
    where it already has the frequency asked for. The tools derive the clock's constraint from the oscillator's.
    """

    def __init__(self, board: Board) -> None:
        super().__init__({})
        self._board = board

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        board = self._board
        m.submodules.buffer = buffer = io.Buffer("i", platform.request(board.oscillator.resource, 0, dir="-"))
        clock, locked = Signal(name="pll_clock"), Signal(name="pll_locked")
        if board.clock_mhz == board.oscillator.mhz:
            m.d.comb += [ClockSignal("sync").eq(buffer.i), locked.eq(1)]
        else:
            pll = PllSettings.find(board.oscillator.mhz, board.clock_mhz)
            m.submodules.pll = Instance(
                "EHXPLLL",
                a_FREQUENCY_PIN_CLKI=str(board.oscillator.mhz),
                a_FREQUENCY_PIN_CLKOP=str(pll.mhz),
                a_ICP_CURRENT="12",
                a_LPF_RESISTOR="8",
                p_CLKI_DIV=pll.reference,
                p_CLKFB_DIV=pll.feedback,
                p_CLKOP_DIV=pll.output,
                p_CLKOP_ENABLE="ENABLED",
                p_CLKOP_CPHASE=pll.output // 2,
                p_CLKOP_FPHASE=0,
                p_FEEDBK_PATH="CLKOP",
                p_OUTDIVIDER_MUXA="DIVA",
                p_STDBY_ENABLE="DISABLED",
                p_DPHASE_SOURCE="DISABLED",
                p_PLLRST_ENA="DISABLED",
                p_INTFB_WAKE="DISABLED",
                i_CLKI=buffer.i,
                i_CLKFB=clock,
                i_RST=Const(0),
                i_STDBY=Const(0),
                i_PHASESEL0=Const(0),
                i_PHASESEL1=Const(0),
                i_PHASEDIR=Const(0),
                i_PHASESTEP=Const(0),
                i_PHASELOADREG=Const(0),
                i_PLLWAKESYNC=Const(0),
                i_ENCLKOP=Const(0),
                o_CLKOP=clock,
                o_LOCK=locked,
            )
            m.d.comb += ClockSignal("sync").eq(clock)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        return m
