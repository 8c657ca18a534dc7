"""No FPGA: for networks that are simulated, whatever a board could hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from amaranth.hdl import Module, Signal

from spikewright.boards.family import CellModels, Family, FamilyError
from spikewright.boards.schema import Board, BuildTarget
from spikewright.compiler.target.device import Unlimited


class Simulation(Family):
    """A device without limits, of which nothing can be placed."""

    name = "simulation"
    tools = ()
    cells: Mapping[str, str] = {}
    models = CellModels(folders=(), files=(), own={})

    def device(self, target: BuildTarget) -> Unlimited:
        return Unlimited(target.name)

    def plan(self, platform: Any, top: Any, *, report: str, placed: str, seed: int) -> NoReturn:
        raise FamilyError("nothing can be placed on a simulator")

    def netlist_script(self, top: str) -> NoReturn:
        raise FamilyError("a simulator has no cells")

    def clock(self, m: Module, source: Signal, board: Board) -> NoReturn:
        raise FamilyError("a simulator has no clock")


FAMILY = Simulation()
