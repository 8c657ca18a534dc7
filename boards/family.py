"""What an FPGA family is to the rest of the project: one object, made in a file of ``boards/families/``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.hdl import Module, Signal

from spikewright.boards.link.frame import MOST_RESULT_WORDS
from spikewright.boards.schema import Board, BuildTarget
from spikewright.compiler.target.device import BlockRam, Device, LutModel, Unlimited
from spikewright.errors import PlainError


class FamilyError(PlainError):
    """A family cannot do what a board asks; the text is one sentence."""


@dataclass(frozen=True)
class Tool:
    """A program of a family's flow.

    log: the file in its folder that holds its output.
    """

    name: str
    log: str


@dataclass(frozen=True)
class CellModels:
    """Where yosys keeps Verilog models of a family's cells, for netlists that are simulated.

    folders: in its share folder, the first that is there counts; files: read together; own: models that replace those
    of yosys, by cell.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    own: Mapping[str, str]


class Family(ABC):
    """One FPGA family.

    name: as board files say it; ram, lut_model: what the compiler fits by; tools: of place and route, in their order,
    the last one packs the bitstream; cells: nextpnr's cell type behind each word of the report; models: of its cells.
    """

    name: str
    ram: BlockRam
    lut_model: LutModel
    tools: tuple[Tool, ...]
    cells: Mapping[str, str]
    models: CellModels

    def device(self, target: BuildTarget) -> Device | Unlimited:
        """A board's FPGA as the compiler sees it."""
        assert isinstance(target, Board)
        resources = target.resources
        blocks = resources.block_ram.count
        return Device(target.name, resources.lut, blocks, self.ram, self.lut_model, MOST_RESULT_WORDS)

    @abstractmethod
    def plan(self, platform: Any, top: Any, *, report: str, placed: str, seed: int) -> Any:
        """Amaranth's build plan of ``top``; report, placed: files that nextpnr writes; seed: of the placer."""

    @abstractmethod
    def netlist_script(self, top: str) -> list[str]:
        """Lines of a yosys script that make cells of module ``top``, memories left out."""

    @abstractmethod
    def clock(self, m: Module, source: Signal, board: Board) -> tuple[Signal, Signal]:
        """The design's clock, made from the oscillator's, and whether it is steady.

        Adds what makes it to ``m``; FamilyError where the frequency cannot be made.
        """

    def cell_folder(self, share: Path) -> Path | None:
        """The folder of yosys' cell models below its share folder, if it is there."""
        folders = (share / name for name in self.models.folders)
        return next((folder for folder in folders if (folder / self.models.files[-1]).is_file()), None)
