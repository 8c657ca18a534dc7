"""Cells of paper 3, of bank-balanced masks, and of everything together, on clutter-digits with depth 4."""

from __future__ import annotations

from typing import Any

from cells_lottery import BASE, LOTTERY, dense, loaded, share_gone
from protocol import begin, judged

from spikewright.compress.account import layers_of
from spikewright.compress.build import quantised_from
from spikewright.compress.export import export_package
from spikewright.compress.masks import Masks, magnitude_masks, prunable, rewind
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.neuron import neuron_stage
from spikewright.compress.stages.quantisers import quantisers_stage
from spikewright.compress.stages.run import Run, State, copy_of, state_and_masks, student
from spikewright.compress.stages.structure import structure_stage
from spikewright.compress.stages.tokens import tokens_stage
from spikewright.compress.tokens import set_mode
from spikewright.compress.training import Phase
from spikewright.cost.storage import compression
from spikewright.models.graph import SpikingNetwork
from spikewright.models.package import write_package

SPARSITIES = (0.8, 0.85, 0.9, 0.95)
SHARES_GONE = (0.25, 0.5, 0.75)
#: Where plain LIF may lose: the hardest L1P and the hardest DSP.
HARD = {
    "l1p-0.95": "  masks: {method: l1p, sparsity: 0.95, epochs: 15, rate: 0.001}\n",
    "dsp-0.75": "  structure: {qk: 0.25, v: 0.25, hidden: 0.25, epochs: 15}\n",
}
KINDS = ("lif", "threshold", "leak", "slif")
BANKS = 4


def l1p(fold: int) -> dict[str, Any]:
    """Each matrix of the blocks pruned by itself, from the teacher's weights; fifteen more epochs."""
    result: dict[str, Any] = {}
    for sparsity in SPARSITIES:
        run = begin(BASE + f"  masks: {{method: l1p, sparsity: {sparsity}, epochs: 15, rate: 0.001}}\n", fold)
        state, _ = masks_stage(run, dense(run), {})
        network = loaded(student(run, state), state)
        result[str(sparsity)] = {"classes": judged(run, network), "gone": share_gone(network)}
    return result


def dsp(fold: int) -> dict[str, Any]:
    """Whole dimensions out of every group of every block; fifteen more epochs."""
    result: dict[str, Any] = {}
    for gone in SHARES_GONE:
        keep = 1 - gone
        run = begin(BASE + f"  structure: {{qk: {keep}, v: {keep}, hidden: {keep}, epochs: 15}}\n", fold)
        state, _ = structure_stage(run, dense(run), {})
        network = loaded(student(run, state), state)
        weights = sum(layer.weights for layer in layers_of(network))
        result[str(gone)] = {"classes": judged(run, network), "weights": weights}
    return result


def slif(fold: int) -> dict[str, Any]:
    """What neurons that learn give back where pruning was hardest, and their controls, ten epochs each."""
    result: dict[str, Any] = {}
    for case, constraint in HARD.items():
        for kind in KINDS:
            run = begin(BASE + constraint + f"  neuron: {{kind: {kind}, epochs: 10}}\n", fold)
            shaped, _ = structure_stage(run, dense(run), {})
            state, masks = masks_stage(run, shaped, {})
            state = neuron_stage(run, state, masks)
            result[f"{case}:{kind}"] = judged(run, loaded(student(run, state, plastic=True), state))
    return result


def _lottery_round(run: Run, number: int) -> tuple[State, Masks]:
    found = run.checkpoints.read(f"masks-{number:02d}")
    assert found is not None, "the trajectory of the lottery comes first"
    return state_and_masks(found[0])


def balanced(fold: int) -> dict[str, Any]:
    """Rounds 8 and 10 of the lottery again with equally many weights in each of four banks of every output."""
    run = begin(LOTTERY, fold)
    run.dense = dense(run)
    found = run.checkpoints.read("early")
    assert found is not None, "the trajectory of the lottery comes first"
    rounds = run.recipe.constraints.masks
    assert rounds is not None
    result: dict[str, Any] = {}
    for number in (8, 10):
        before, _ = _lottery_round(run, number - 1)
        _, unstructured = _lottery_round(run, number)
        network = student(run, found[0])
        start = copy_of(network)
        keep = sum(int(mask.sum()) for mask in unstructured.values())
        masks = magnitude_masks({n: before[n] for n in prunable(network)}, keep, banks=BANKS)
        rewind(network, start, masks)
        label = f"balanced-{number}"
        run.train(network, Phase(label, rounds.epochs, rounds.rate, soft=True, masks=masks))
        run.settle(network, label)
        set_mode(network, hard=True)
        result[str(number)] = {"classes": judged(run, network.eval()), "gone": share_gone(network)}
    return result


TOGETHER = LOTTERY + "  neuron: {kind: slif, epochs: 10}\n"
SEARCHED = TOGETHER.replace(
    'quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}',
    "quantisers: {method: search, target_bits: 3.6, search_epochs: 10, epochs: 10, gather_epochs: 30, grid_epochs: 20}",
)


def together(fold: int) -> dict[str, Any]:
    """Tokens, round 8 of the lottery, sLIF and the search, to a package."""
    run = begin(SEARCHED, fold)
    state = dense(run)
    tokens_stage(run, state)
    pruned, masks = _lottery_round(begin(LOTTERY, fold), 8)
    adapted = neuron_stage(run, pruned, masks)
    final = quantisers_stage(run, adapted, masks)
    network: SpikingNetwork = quantised_from(run.recipe, final)
    layers = layers_of(network)
    three = compression(layers, banks=BANKS)
    package = export_package(network, run.recipe, run.task)
    write_package(package, run.checkpoints.folder / f"together-{fold}.safetensors")
    return {
        "classes": judged(run, network, double=True),
        "gone": share_gone(network),
        "compression": {"bits": three.bits, "weights": three.weights, "stored": three.stored},
    }


CELLS = {"l1p": l1p, "dsp": dsp, "slif": slif, "balanced": balanced, "together": together}
