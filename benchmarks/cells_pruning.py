"""Cells of paper 3, and of everything together, on clutter-digits with depth 4."""

from __future__ import annotations

import torch
from cells_lottery import BASE, LOTTERY, dense
from predicted import network_cycles, package_cycles, stored_bits, three_numbers
from protocol import RETRAIN_EPOCHS, Answer, Cell, begin, gathering, judged
from torch import Tensor

from spikewright.compress.account import layers_of
from spikewright.compress.build import quantised_from
from spikewright.compress.export import export_package
from spikewright.compress.masks import pruned_share
from spikewright.compress.stages import run_stages
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.neuron import neuron_stage
from spikewright.compress.stages.run import State, student
from spikewright.compress.stages.structure import structure_stage
from spikewright.models.graph import SpikingNetwork, graph_of
from spikewright.models.package import write_package

SPARSITIES = (0.8, 0.85, 0.9, 0.95)
SHARES_GONE = (0.25, 0.5, 0.75)
L1P = {
    str(s): BASE + f"  masks: {{method: l1p, sparsity: {s}, epochs: {RETRAIN_EPOCHS}, rate: 0.002}}\n"
    for s in SPARSITIES
}
DSP = {
    str(g): BASE + f"  structure: {{qk: {1 - g}, v: {1 - g}, hidden: {1 - g}, epochs: {RETRAIN_EPOCHS}, rate: 0.002}}\n"
    for g in SHARES_GONE
}
#: Where plain LIF may lose: the hardest L1P and the hardest DSP.
HARD = {"l1p-0.95": L1P["0.95"], "dsp-0.75": DSP["0.75"]}
KINDS = ("lif", "threshold", "leak", "slif")
SLIF = {
    f"{case}:{kind}": text + f"  neuron: {{kind: {kind}, epochs: 10}}\n"
    for case, text in HARD.items()
    for kind in KINDS
}
#: Tokens, round 8 of the trajectory, neurons that learn, and the search, in one recipe.
TOGETHER = (
    LOTTERY.replace("rounds: 11,", "rounds: 11, stop_after: 8,").replace(
        'quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}',
        "quantisers: {method: search, target_bits: 3.6, search_epochs: 10, epochs: 10, gather_epochs: 30, "
        "grid_epochs: 20}",
    )
    + "  neuron: {kind: slif, epochs: 10}\n"
)


def l1p(fold: int) -> Answer:
    """Each matrix of the blocks pruned by itself, and trained on from the teacher's weights."""
    result: Answer = {}
    for sparsity, text in L1P.items():
        run = begin(text, fold)
        state, _ = masks_stage(run, dense(run), {})
        network = gathering(student(run, state), state)
        result[sparsity] = {"classes": judged(run, network), "compression": three_numbers(run, network)}
    return result


def dsp(fold: int) -> Answer:
    """Whole dimensions out of every group of every block, and trained on."""
    result: Answer = {}
    for gone, text in DSP.items():
        run = begin(text, fold)
        state, _ = structure_stage(run, dense(run), {})
        network = gathering(student(run, state), state)
        result[gone] = {"classes": judged(run, network), "compression": three_numbers(run, network)}
    return result


def slif(fold: int) -> Answer:
    """What neurons that learn give back where pruning was hardest, and their controls, ten epochs each."""
    result: Answer = {}
    for case, text in SLIF.items():
        run = begin(text, fold)
        shaped, _ = structure_stage(run, dense(run), {})
        state, masks = masks_stage(run, shaped, {})
        before = student(run, state)
        state = neuron_stage(run, state, masks)
        network = gathering(student(run, state, plastic=True), state)
        result[case] = {"classes": judged(run, network), "moved": _moved(network, before)}
    return result


def _moved(network: SpikingNetwork, before: SpikingNetwork) -> dict[str, list[int]]:
    """How many leaks, and how many thresholds behind attention, are others on the engine's grids; and of how many.

    In front of other thresholds a batch norm stands, so nothing is learned by theirs that it could not learn.
    """
    moved = {"leaks": [0, 0], "thresholds": [0, 0]}
    for now, then in zip(graph_of(network).ops, graph_of(before).ops, strict=True):
        if now.neuron is not None and then.neuron is not None:
            _count(moved["leaks"], now.neuron.sixteenths() != then.neuron.sixteenths())
        if now.kind == "attention":
            _count(moved["thresholds"], torch.as_tensor(now.fires.levels() != then.fires.levels()))
    return moved


def _count(counts: list[int], others: Tensor) -> None:
    counts[0] += int(others.sum())
    counts[1] += others.numel()


def together(fold: int) -> Answer:
    """Tokens, round 8 of the lottery, sLIF and the search, to a package."""
    run = begin(TOGETHER, fold)
    final: State = run_stages(run)[1]
    network = quantised_from(run.recipe, final)
    package = export_package(network, run.recipe, run.task)
    total = sum(layer.weights for layer in layers_of(run.teacher))
    write_package(package, run.checkpoints.folder / f"together-{fold}.safetensors")
    return {
        "classes": judged(run, network, double=True),
        "gone": pruned_share(network),
        "compression": three_numbers(run, network) | {"stored": 32 * total / stored_bits(package)},
        "cycles": {"package": package_cycles(package), "dense": network_cycles(run, run.teacher)},
    }


CELLS = {
    "l1p": Cell(l1p, L1P),
    "dsp": Cell(dsp, DSP),
    "slif": Cell(slif, SLIF),
    "together": Cell(together, {"": TOGETHER}, counted=2),
}
