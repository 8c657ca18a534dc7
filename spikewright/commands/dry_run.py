"""What ``spikewright compress --dry-run`` shows: the stages, and what the run would end in, on random weights."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from spikewright.boards.registry import load_board
from spikewright.boards.schema import Board
from spikewright.commands.common import out, table
from spikewright.commands.fitting import fitted
from spikewright.compress.account import workload_of
from spikewright.compress.artefacts import Checkpoints
from spikewright.compress.determinism import determinism
from spikewright.compress.rehearsal import rehearse as rehearsed
from spikewright.compress.rehearsal import rehearsed_package, seconds_of
from spikewright.compress.runner import checked
from spikewright.compress.stages import planned
from spikewright.compress.stages.run import Run
from spikewright.cost.latency import descriptor_cycles
from spikewright.cost.shape import Shape
from spikewright.cost.storage import average_bits, compression
from spikewright.cost.workload import Workload
from spikewright.models.package import Package

#: Where a recipe names no board.
USUAL_BOARD = "ulx3s-85f"


def rehearse(path: Path, board: Board | None) -> None:
    """Print order, epochs, expected size and cycles, and an estimate of the time; nothing is written."""
    recipe, task = checked(path)
    plan = planned(recipe)
    out.print(f"[bold]{recipe.name}[/]: {len(plan)} stages in this order")
    stages = table("stage", "epochs")
    for stage, epochs in plan.items():
        stages.add_row(stage, str(epochs))
    out.print(stages)
    network = rehearsed(recipe)
    work = workload_of(network, recipe.input_bits, frames=task.frames)
    layers = work.layers
    total, kept = (sum(getattr(layer, what) for layer in layers) for what in ("weights", "kept"))
    three = compression(layers)
    out.print(
        f"expected size: {kept} of {total} weights kept, {average_bits(layers):.2f} bits on average; compression "
        f"{three.bits:.1f}x by bits, {three.weights:.1f}x by weights, {three.stored:.1f}x by stored bits"
    )
    out.print(expected_cycles(rehearsed_package(recipe, task), work, board or load_board(USUAL_BOARD)))
    with tempfile.TemporaryDirectory() as nowhere, determinism(recipe.threads):
        seconds = seconds_of(Run(recipe, Checkpoints(Path(nowhere), recipe), task), plan)
    out.print(f"time: about {timedelta(seconds=round(seconds))} on this machine, {sum(plan.values())} epochs")


def expected_cycles(package: Package, work: Workload, board: Board) -> str:
    """What the compiler says of a package on a board; or the cost model of its workload, where the compiler refuses."""
    choice = fitted(package, board)
    if isinstance(choice, str):
        usual = Shape()
        about = sum(cycles for _, cycles in descriptor_cycles(work, usual))
        return (
            f"expected cycles: about {about} an image on {usual.lanes} lanes and {usual.banks} banks, by the cost "
            f"model; the accelerator does not take this network yet: {choice}"
        )
    cycles, shape = sum(step.cycles for step in choice.lowered.steps), choice.shape
    return (
        f"expected cycles: {cycles} an image on {board.name} ({shape.lanes} lanes, {shape.banks} banks, "
        f"{shape.streams} streams)"
    )
