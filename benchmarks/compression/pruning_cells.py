"""Cells of paper 3: synapse pruning, and neurons that learn, on clutter-digits with depth 4."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.compression.lottery_cells import BASE, dense
from benchmarks.compression.network_cost import compressions
from benchmarks.compression.protocol import RETRAIN_EPOCHS, Answer, Cell, begin, gathering, judged
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.neuron import neuron_stage
from spikewright.compress.run.stages.run import student
from spikewright.compress.run.stages.structure import structure_stage
from spikewright.models.graph import SpikingNetwork, graph_of

SPARSITIES = (0.8, 0.85, 0.9, 0.95)
SHARES_GONE = (0.25, 0.5, 0.75)
L1P = {
    str(sparsity): BASE + f"  masks: {{method: l1p, sparsity: {sparsity}, epochs: {RETRAIN_EPOCHS}, rate: 0.002}}\n"
    for sparsity in SPARSITIES
}
DSP = {
    str(gone): BASE
    + f"  structure: {{qk: {1 - gone}, v: {1 - gone}, hidden: {1 - gone}, epochs: {RETRAIN_EPOCHS}, rate: 0.002}}\n"
    for gone in SHARES_GONE
}
#: Where plain LIF may lose: the hardest L1P and the hardest DSP.
HARD = {"l1p-0.95": L1P["0.95"], "dsp-0.75": DSP["0.75"]}
KINDS = ("lif", "threshold", "leak", "slif")
SLIF = {
    f"{case}:{kind}": text + f"  neuron: {{kind: {kind}, epochs: 10}}\n"
    for case, text in HARD.items()
    for kind in KINDS
}


def l1p(fold: int) -> Answer:
    """Each matrix of the blocks pruned by itself, and trained on from the teacher's weights."""
    result: Answer = {}
    for sparsity, text in L1P.items():
        run = begin(text, fold)
        state, _ = masks_stage(run, dense(run), {})
        network = gathering(student(run, state), state)
        result[sparsity] = {"classes": judged(run, network), "compression": compressions(run, network)}
    return result


def dsp(fold: int) -> Answer:
    """Whole dimensions out of every group of every block, and trained on."""
    result: Answer = {}
    for gone, text in DSP.items():
        run = begin(text, fold)
        state, _ = structure_stage(run, dense(run), {})
        network = gathering(student(run, state), state)
        result[gone] = {"classes": judged(run, network), "compression": compressions(run, network)}
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
    """How many leaks, and how many thresholds behind attention, moved on the engine's grids; and of how many.

    In front of other thresholds a batch norm stands, so nothing is learned by theirs that it could not learn.
    """
    moved = {"leaks": [0, 0], "thresholds": [0, 0]}
    for now, then in zip(graph_of(network).ops, graph_of(before).ops, strict=True):
        if now.neuron is not None and then.neuron is not None:
            _count(moved["leaks"], now.neuron.sixteenths() != then.neuron.sixteenths())
        if now.kind == "attention":
            _count(moved["thresholds"], torch.as_tensor(now.fires.levels() != then.fires.levels()))
    return moved


def _count(counts: list[int], moved: Tensor) -> None:
    """Add to two counts: of those that moved, and of all."""
    counts[0] += int(moved.sum())
    counts[1] += moved.numel()


CELLS = {
    "l1p": Cell(l1p, L1P),
    "dsp": Cell(dsp, DSP),
    "slif": Cell(slif, SLIF),
}
