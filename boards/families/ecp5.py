"""Lattice ECP5: everything that is known of it stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Instance, Module, Signal

from spikewright.boards.family import CellModels, Family, FamilyError, Tool
from spikewright.boards.schema import Board
from spikewright.compiler.target.device import BlockRam, LutModel

#: Limits of the EHXPLLL, MHz: phase detector from, oscillator from … to.
DETECTOR_FROM, VCO_FROM, VCO_TO = 3.125, 400.0, 800.0

#: synth_ecp5 stops in front of abc9, all wires but ports whose names have brackets get others, and it goes on: abc9
#: takes a wire ``a[0]`` (such as an array's element becomes) beside a wire ``a`` for one of its bits, and then yosys
#: fails ("Assert GetSize(conn.first) == GetSize(conn.second)") or not, as chance has it.
#: No hard multipliers: yosys would spend one on a product with a constant, such as token slots times odd steps.
BEFORE_ABC9 = "-nodsp -run begin:map_luts"
AFTER_ABC9 = (
    "rename -unescape w:*[[]* x:* %d",  # public names keep their letters
    "rename -enumerate -pattern plain_% w:*[[]* x:* %d",
    "synth_ecp5 -run map_luts: {options}-top {top}",
)


@dataclass(frozen=True)
class PllSettings:
    """Dividers of an EHXPLLL with feedback from its primary output.

    reference, feedback, output: CLKI_DIV, CLKFB_DIV, CLKOP_DIV, each 1…128; mhz: the exact output frequency.
    """

    reference: int
    feedback: int
    output: int
    mhz: float

    @classmethod
    def find(cls, source_mhz: float, target_mhz: float) -> PllSettings:
        """Settings whose output is the target; FamilyError where there are none."""
        settings: list[tuple[float, int, int, float]] = []
        for reference in range(1, 129):
            if source_mhz / reference < DETECTOR_FROM:
                break
            feedback = round(target_mhz * reference / source_mhz)
            if 1 <= feedback <= 128:
                mhz = source_mhz * feedback / reference
                settings.append((abs(mhz - target_mhz), reference, feedback, mhz))
        if not settings or min(settings)[0] > 1e-6 * target_mhz:
            raise FamilyError(f"the PLL makes no {target_mhz:g} MHz from {source_mhz:g} MHz")
        _, reference, feedback, mhz = min(settings)
        outputs = [d for d in range(1, 129) if VCO_FROM <= mhz * d <= VCO_TO]
        if not outputs:
            raise FamilyError(f"the PLL makes no {target_mhz:g} MHz: it would have to swing outside 400…800 MHz")
        return cls(reference, feedback, outputs[len(outputs) // 2], mhz)


class Ecp5(Family):
    """The ECP5 flow: yosys, nextpnr-ecp5, ecppack."""

    name = "ecp5"
    #: DP16KD: (width, depth) of its shapes; memories of so few bits become distributed RAM or logic.
    ram = BlockRam(
        bits=18_432, shapes=((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)), small_bits=1024
    )
    #: From leak_bit on, measured by hw.feature-leaks, -second, -counting, -limited and -frames of docs/results.md.
    #: The sum is held to placed designs: of the digits network, hw.synthesis-lut and its estimate in docs/results.md.
    #: at_speed: hw.synthesis-fmax meets 80 MHz; wider designs have missed it as often as not (70 MHz of
    #: hw.synthesis-two-streams-fmax).
    lut_model = LutModel(
        base=4000.0,
        walker=750.0,
        adder_bit=1.9,
        neuron_bit=10.0,
        lane_bit=2.0,
        move_lane=15.0,
        leak_bit=7.6,
        second_walker=51.0,
        count_lane=8.4,
        limit_lane=5.6,
        frames=203.0,
        share=0.7,
        at_speed=27_000,
    )
    tools = (Tool("yosys", "top.rpt"), Tool("nextpnr-ecp5", "top.tim"), Tool("ecppack", "top.tim"))
    cells: Mapping[str, str] = {
        "lut": "TRELLIS_COMB",
        "ff": "TRELLIS_FF",
        "block_ram": "DP16KD",
        "dsp": "MULT18X18D",
        "lut_ram": "TRELLIS_RAMW",
    }
    models = CellModels(
        folders=("ecp5", "lattice"),
        files=("common_sim.vh", "ccu2c_sim.vh", "cells_sim.v"),
        # yosys writes a table look-up as three levels of wide multiplexers, twice the C++ of an index
        own={
            "LUT4": "module LUT4(input A, B, C, D, output Z);\n"
            "  parameter [15:0] INIT = 0;\n  assign Z = INIT[{D, C, B, A}];\nendmodule\n"
        },
    )

    def plan(self, platform: Any, top: Any, *, report: str, placed: str, seed: int) -> Any:
        return platform.prepare(
            top,
            "top",
            read_verilog_opts="-defer",  # a memory is read with its real parameters only
            synth_opts=BEFORE_ABC9,
            script_after_synth="\n".join(AFTER_ABC9).format(options="", top="top"),
            nextpnr_opts=f"--report {report} --write {placed} --seed {seed} --timing-allow-fail",
            ecppack_opts="--compress",
        )

    def netlist_script(self, top: str) -> list[str]:
        return [
            f"synth_ecp5 {BEFORE_ABC9} -nobram -top {top}",
            *(line.format(options="-nobram ", top=top) for line in AFTER_ABC9),
        ]

    def clock(self, m: Module, source: Signal, board: Board) -> tuple[Signal, Signal]:
        clock, locked = Signal(name="pll_clock"), Signal(name="pll_locked")
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
            i_CLKI=source,
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
        return clock, locked


FAMILY = Ecp5()
