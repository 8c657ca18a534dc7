"""Cells of paper 2: the search at three targets, its controls, and the dense network, on digits and event digits."""

from __future__ import annotations

from benchmarks.compression.lottery_cells import dense
from benchmarks.compression.network_cost import compressions
from benchmarks.compression.protocol import FEW_FOLDS, Answer, Cell, Schedule, begin, finished, judged
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.activity import measured_activity
from spikewright.compress.networks.build import quantised_from
from spikewright.compress.run.stages.quantisers import quantisers_stage
from spikewright.compress.run.stages.run import Run, student
from spikewright.cost.energy import total_energy
from spikewright.cost.storage import average_bits
from spikewright.cost.work import Layer
from spikewright.models.graph import SpikingNetwork

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
  layout: conv1d, attention_scale: 0.25}
training: {batch: 32, distillation: 1.0}
teacher: {epochs: 30}
constraints:
"""
#: Of the search, of learned steps under chosen formats, with tokens gathered, and on the exact grid.
EPOCHS = (10, 10, 5, 20)
#: Test images on which firing rates are measured, for the energy.
ENERGY_IMAGES = 60
#: What the search is held against; a 3-bit average of powers of two has no choice left.
CONTROLS = ("uniform", "pot", "fixed")
#: Search at the three targets, then the controls at 3 and 4 bits.
VARIANTS = {
    "search-3.67": "method: search, target_bits: 3.67",
    "search-3": "method: search, target_bits: 3.0",
    "search-4": "method: search, target_bits: 4.0",
    "uniform-3": "method: search, schemes: [uniform], target_bits: 3.0",
    "uniform-4": "method: search, schemes: [uniform], target_bits: 4.0",
    "pot-3": "method: search, schemes: [pot], target_bits: 3.0",
    "pot-4": "method: search, schemes: [pot], target_bits: 4.0",
    "fixed-3": 'layers: {"*": {scheme: uniform, bits: 3}FIRST}',
    "fixed-4": 'layers: {"*": {scheme: uniform, bits: 4}FIRST}',
}
#: The first layer of the digits reads 8-bit pixels: its sums need no bits below an LSB (the search gives it none).
FIRST = {"digits": ', "*.proj_conv": {scheme: uniform, bits: BITS, fraction_bits: 0}', "events": ""}


def _recipes(base: str, key: str) -> dict[str, str]:
    """A recipe for every variant of a data set; what has nothing to search trains as long."""
    recipes = {}
    for variant, constraint in VARIANTS.items():
        search, learn, gather, grid = EPOCHS
        if variant.startswith("fixed"):
            epochs = f"epochs: {search + learn}, "
        else:
            epochs = f"search_epochs: {search}, epochs: {learn}, "
        epochs += f"gather_epochs: {gather}, grid_epochs: {grid}"
        constraint = constraint.replace("FIRST", FIRST[key]).replace("BITS", variant[-1])
        recipes[variant] = base + f"  quantisers: {{{constraint}, {epochs}}}\n"
    return recipes


RECIPES = {"digits": _recipes(DIGITS, "digits"), "events": _recipes(EVENTS, "events")}
#: Of the dense network; its quantisers are not trained.
LONGER = {key: recipes["fixed-4"] for key, recipes in RECIPES.items()}


def _cell(key: str, fold: int) -> Answer:
    result: Answer = {}
    for variant, text in RECIPES[key].items():
        run = begin(text, fold)
        state = dense(run)
        if "labels" not in result:
            result["labels"] = run.task.data.test.labels.tolist()
            result["dense"] = judged(run, run.teacher)
        network = quantised_from(run.recipe, quantisers_stage(run, state, {}))
        layers = _layers(run, network)
        weights = sum(layer.weights for layer in layers)
        result[variant] = {
            "classes": judged(run, network, double=True),
            "average_bits": average_bits(layers),
            "energy": _energy(run, network),
            "compression": compressions(run, network),
            "formats": {layer.name: f"{layer.scheme} {layer.bits}" for layer in layers if layer.weights},
            "pot": sum(layer.weights for layer in layers if layer.scheme == "pot") / weights,
        }
    return result


def _layers(run: Run, network: SpikingNetwork) -> list[Layer]:
    return layers_of(network, run.recipe.input_bits, frames=run.task.frames)


def _energy(run: Run, network: SpikingNetwork) -> dict[str, float]:
    """Picojoules of an image by both models."""
    images = run.task.inputs(run.task.data.test.images[:ENERGY_IMAGES])
    energy = total_energy(_layers(run, network), measured_activity(network, images, run.recipe.input_bits))
    return {"a": energy.float_pj, "b": energy.bits_pj}


def _longer(key: str, fold: int) -> Answer:
    """The dense network in float: its energy, and what it answers when trained on as the search's networks are."""
    run = begin(LONGER[key], fold)
    network = student(run, dense(run))
    trained = finished(run, network, {}, "teacher", _schedule(key))
    return {
        "labels": run.task.data.test.labels.tolist(),
        "dense": judged(run, run.teacher),
        "energy": _energy(run, run.teacher),
        "classes": judged(run, trained),
    }


def _schedule(key: str) -> Schedule:
    """Epochs and rates of all phases of the search together."""
    *before_grid, grid = EPOCHS
    bent = key == "digits"
    return (sum(before_grid), 1e-3, bent), (grid, 5e-4, bent)


def longer_digits(fold: int) -> Answer:
    """The dense network of the digits, trained on."""
    return _longer("digits", fold)


def longer_events(fold: int) -> Answer:
    """The dense network of the event digits, trained on."""
    return _longer("events", fold)


def search_digits(fold: int) -> Answer:
    """All variants on one fold of the digits."""
    return _cell("digits", fold)


def search_events(fold: int) -> Answer:
    """All variants on one fold of the event digits."""
    return _cell("events", fold)


CELLS = {
    "search-digits": Cell(search_digits, RECIPES["digits"], counted=2),
    "search-events": Cell(search_events, RECIPES["events"], FEW_FOLDS, counted=2),
    "longer-digits": Cell(longer_digits, {"": LONGER["digits"]}, schedule=_schedule("digits")),
    "longer-events": Cell(longer_events, {"": LONGER["events"]}, FEW_FOLDS, schedule=_schedule("events")),
}
