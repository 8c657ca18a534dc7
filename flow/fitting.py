"""Which shape of the engine a package gets on a board, or why it gets none; and what an image costs there."""

from __future__ import annotations

from dataclasses import dataclass

from spikewright.boards.registry import family_of
from spikewright.boards.schema import BuildTarget
from spikewright.compiler.compile import chosen, planned_graph
from spikewright.compiler.fit import Choice, FitError
from spikewright.compiler.front.ir import IRError
from spikewright.compiler.program import assemble
from spikewright.cost.estimate import estimate_rom_bits
from spikewright.cost.latency import best_on, descriptor_cycles
from spikewright.cost.shape import Shape
from spikewright.cost.workload import Workload
from spikewright.models.package import Package


def fitted(package: Package, board: BuildTarget) -> Choice | str:
    """The shape that suits the package, or in one sentence why the board is too small."""
    try:
        return chosen(planned_graph(package), family_of(board).device(board))
    except (IRError, FitError) as error:
        return str(error)


@dataclass(frozen=True)
class Price:
    """Cycles of an image, skipping off, and stored bits of the ROMs, on an engine of a shape.

    refused: why the board does not take the network; then both are estimates of the cost model.
    """

    cycles: int
    bits: int
    shape: Shape
    refused: str | None = None


def price(package: Package, work: Workload, board: BuildTarget) -> Price:
    """What the compiler says of a package on a board; where it refuses, the cost model's estimate of its workload.

    An estimate is for an engine of the usual shape, whatever the board.
    """
    choice = fitted(package, board)
    if isinstance(choice, str):
        usual = Shape()
        cycles = sum(count for _, count in descriptor_cycles(work, usual))
        layers = best_on(work.description, usual)[1].layers
        return Price(cycles, estimate_rom_bits(layers, usual).total, usual, choice)
    program = assemble(choice.lowered)
    return Price(sum(program.predicted_cycles), program.rom_bits.total, choice.shape)
