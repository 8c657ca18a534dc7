"""What ``spikewright compress --dry-run`` shows: the stages, and what the run would end in, on random weights."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from spikewright.boards.registry import load_board
from spikewright.boards.schema import BuildTarget
from spikewright.commands.common import heading, new_table, out
from spikewright.commands.described import check_described
from spikewright.compress.networks.account import compression_of, layers_of, workload_of
from spikewright.compress.networks.build import dense_model
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.forecast import seconds_of
from spikewright.compress.run.preflight import checked
from spikewright.compress.run.rehearsal import rehearse as rehearsed
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages import planned
from spikewright.compress.run.stages.run import Run
from spikewright.compress.training.determinism import determinism
from spikewright.cost.storage import average_bits
from spikewright.cost.work import dense_macs
from spikewright.flow.fitting import Price, price
from spikewright.scratch import scratch

#: Where a recipe names no board.
USUAL_BOARD = "ulx3s-85f"


def rehearse(path: Path, board: BuildTarget | None) -> dict[str, Any]:
    """Print order, epochs, expected size, work and cycles, and an estimate of the time; nothing is written.

    Returns the same as plain data.
    """
    recipe, task = checked(path, check_described)
    plan = planned(recipe)
    out.print(heading(recipe.name, f": {len(plan)} stages in this order"))
    stages = new_table("stage", "epochs")
    for stage, epochs in plan.items():
        stages.add_row(stage, str(epochs))
    out.print(stages)
    network = rehearsed(recipe)
    work = workload_of(network, recipe.input_bits, frames=task.frames)
    layers = work.layers
    total, kept = sum(layer.weights for layer in layers), sum(layer.kept for layer in layers)
    dense = dense_model(recipe)
    smaller = compression_of(network, dense, recipe.input_bits, frames=task.frames)
    out.print(
        f"expected size: {kept} of {total} weights kept, {average_bits(layers):.2f} bits on average; compression "
        f"{smaller.bits:.1f}x by bits, {smaller.weights:.1f}x by weights, {smaller.stored:.1f}x by stored bits"
    )
    before = dense_macs(layers_of(dense, recipe.input_bits, frames=task.frames))
    out.print(
        f"expected work: {dense_macs(layers) / 1e9:.4f} GFLOPs an image, dense {before / 1e9:.4f} "
        "(multiply-accumulates of all steps, pruned weights included)"
    )
    target = board or load_board(USUAL_BOARD)
    cost = price(rehearsed_package(recipe, task), work, target)
    out.print(expected_cycles(cost, target))
    with scratch(Path(tempfile.gettempdir())) as nowhere, determinism(recipe.threads):
        seconds = seconds_of(Run(recipe, Checkpoints(nowhere, recipe), task), plan)
    out.print(f"time: about {timedelta(seconds=round(seconds))} on this machine, {sum(plan.values())} epochs")
    return {
        "stages": dict(plan),
        "weights": total,
        "kept": kept,
        "average_bits": round(average_bits(layers), 4),
        "compression": {name: round(times, 3) for name, times in asdict(smaller).items()},
        "gflops": dense_macs(layers) / 1e9,
        "gflops_dense": before / 1e9,
        "cycles": cost.cycles,
        "estimated": cost.refused is not None,
        "board": target.name,
        "shape": str(cost.shape),
        "seconds": round(seconds),
    }


def expected_cycles(cost: Price, board: BuildTarget) -> str:
    """What the compiler says of a package on a board; or the cost model of its workload, where the compiler refuses."""
    if cost.refused is not None:
        return (
            f"expected cycles: about {cost.cycles} an image on {cost.shape}, by the cost model; "
            f"{board.name} does not take the network: {cost.refused}"
        )
    return f"expected cycles: about {cost.cycles} an image on {board.name}, {cost.shape}"
