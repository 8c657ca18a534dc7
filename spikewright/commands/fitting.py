"""Which shape of the engine a package gets on a board, or why it gets none."""

from __future__ import annotations

from spikewright.boards.schema import Board
from spikewright.compiler.fit import BoardLimits, Choice, FitError, choose
from spikewright.compiler.importer import import_package
from spikewright.compiler.ir import IRError
from spikewright.compiler.lowered import LoweringError
from spikewright.compiler.passes import run_passes
from spikewright.models.package import Package


def fitted(package: Package, board: Board) -> Choice | str:
    """The shape that suits the package, or in one sentence what the accelerator does not take."""
    limits = BoardLimits(board.name, board.resources.lut, board.resources.block_ram.count)
    try:
        return choose(run_passes(import_package(package)), limits)
    except (IRError, FitError, LoweringError) as error:
        return str(error)
