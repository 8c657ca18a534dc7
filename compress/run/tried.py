"""The networks that a run tried on its way: what each stage left, its accuracy, and a package of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spikewright.compress.networks.account import workload_of
from spikewright.compress.networks.build import FORMAT, dense_model, quantised_from
from spikewright.compress.networks.export import export_package
from spikewright.compress.networks.prefixes import apart
from spikewright.compress.recipe.constraints import SearchedQuantisers
from spikewright.compress.run.rehearsal import rounded
from spikewright.compress.run.stages import planned
from spikewright.compress.run.stages.run import Run, state_and_masks, student
from spikewright.compress.run.stages.structure import KEPT
from spikewright.compress.training.loop import accuracy
from spikewright.cost.workload import Workload
from spikewright.models.graph import SpikingNetwork
from spikewright.models.package import Package

#: Of these stages, and of "…-early", nothing is left that could run by itself: an ANN, weights in mixtures or half-way
#: to the grid, the beginning of a training.
_PASSING = ("masks-ann", "search", "quantisers", "gather")


@dataclass(frozen=True, eq=False)
class Tried:
    """One network: the stage that left it, its accuracy on the validation images in percent, its package and workload.

    Before the quantisers these hold its weights rounded to 8 bits, untrained; the accuracy is that in float.
    """

    stage: str
    validation: float
    package: Package
    work: Workload


def tried(run: Run) -> Iterator[Tried]:
    """Every network that the run's checkpoints hold, in the order of the stages."""
    for stage in planned(run.recipe):
        checkpoint = None if stage in _PASSING or stage.endswith("-early") else run.checkpoints.read(stage)
        if checkpoint is None or (stage == "teacher" and run.recipe.model.family in ("vgg", "resnet")):
            continue
        network = _network(run, stage)
        double = stage == "grid"
        share = accuracy(network, run.task, run.task.data.validation, double=double)
        stored = rounded(network, run.recipe)
        work = workload_of(stored, run.recipe.input_bits, frames=run.task.frames)
        yield Tried(stage, share, export_package(stored, run.recipe, run.task), work)


def _network(run: Run, stage: str) -> SpikingNetwork:
    checkpoint = run.checkpoints.read(stage)
    assert checkpoint is not None
    state, _ = state_and_masks(checkpoint[0])
    if stage == "grid":
        # a search of another recipe may lie there, where this one has none
        searches = isinstance(run.recipe.constraints.quantisers, SearchedQuantisers)
        searched = run.checkpoints.read("search") if searches else None
        formats = {n: t for n, t in searched[0].items() if n.startswith(FORMAT)} if searched else {}
        return quantised_from(run.recipe, state | formats)
    state, _ = apart(state, KEPT)
    if stage == "teacher":
        network = dense_model(run.recipe)
        network.load_state_dict(state)
        return network.eval()
    return student(run, state, plastic=stage == "neuron", choosing=stage != "structure").eval()
