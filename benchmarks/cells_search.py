"""Cells of paper 2: the search at three targets, and its controls, on digits and event digits."""

from __future__ import annotations

from typing import Any

from cells_lottery import dense
from protocol import begin, judged

from spikewright.compress.account import layers_of
from spikewright.compress.build import quantised_from
from spikewright.compress.stages.quantisers import quantisers_stage
from spikewright.compress.stages.run import Run
from spikewright.cost.energy import total_energy
from spikewright.cost.storage import average_bits, compression

DIGITS = """
data: "digits:FOLD"
model: {dim: 64, depth: 2, heads: 4, steps: 4}
training: {batch: 32, jitter: true, distillation: 1.0}
teacher: {epochs: 60}
constraints:
"""
EVENTS = """
data: "event-digits:FOLD"
input_bits: 3
model:
  {height: 64, width: 64, channels: 2, steps: 8, dim: 32, depth: 2, heads: 4, pools: [1, 2, 3, 4],
  attention_scale: 0.25}
training: {batch: 32, distillation: 1.0}
teacher: {epochs: 30}
constraints:
"""
EPOCHS = {"digits": (10, 10, 5, 20), "events": (6, 6, 2, 8)}
#: Search at the three targets, then the controls at 3 and 4 bits.
VARIANTS = {
    "search-3.67": "method: search, target_bits: 3.67",
    "search-3": "method: search, target_bits: 3.0",
    "search-4": "method: search, target_bits: 4.0",
    "uniform-3": "method: search, schemes: [uniform], target_bits: 3.0",
    "uniform-4": "method: search, schemes: [uniform], target_bits: 4.0",
    "pot-3": "method: search, schemes: [pot], target_bits: 3.0",
    "pot-4": "method: search, schemes: [pot], target_bits: 4.0",
    "fixed-3": 'layers: {"*": {scheme: uniform, bits: 3}, "*.proj_conv": {scheme: uniform, bits: 3, fraction_bits: 0}}',
    "fixed-4": 'layers: {"*": {scheme: uniform, bits: 4}, "*.proj_conv": {scheme: uniform, bits: 4, fraction_bits: 0}}',
}


def _run(base: str, key: str, variant: str, fold: int) -> Run:
    search, learn, gather, grid = EPOCHS[key]
    if variant.startswith("fixed"):  # what has nothing to search trains as long
        learn += search
    epochs = f"search_epochs: {search}, epochs: {learn}, gather_epochs: {gather}, grid_epochs: {grid}"
    return begin(base + f"  quantisers: {{{VARIANTS[variant]}, {epochs}}}\n", fold)


def _cell(base: str, key: str, fold: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for variant in VARIANTS:
        run = _run(base, key, variant, fold)
        state = dense(run)
        if "labels" not in result:
            result["labels"] = run.task.data.test.labels.tolist()
            result["dense"] = judged(run, run.teacher)
        network = quantised_from(run.recipe, quantisers_stage(run, state, {}))
        layers = layers_of(network)
        rates = dict.fromkeys((layer.name for layer in layers), 0.15)
        energy = total_energy(layers, rates)
        three = compression(layers, banks=4)
        result[variant] = {
            "classes": judged(run, network, double=True),
            "average_bits": average_bits(layers),
            "energy": {"a": energy.float_pj, "b": energy.bits_pj},
            "compression": {"bits": three.bits, "weights": three.weights, "stored": three.stored},
            "bits": {layer.name: layer.bits for layer in layers if layer.weights},
        }
    return result


def search_digits(fold: int) -> dict[str, Any]:
    """All variants on one fold of the digits."""
    return _cell(DIGITS, "digits", fold)


def search_events(fold: int) -> dict[str, Any]:
    """All variants on one fold of the event digits."""
    return _cell(EVENTS, "events", fold)


CELLS = {"search-digits": search_digits, "search-events": search_events}
