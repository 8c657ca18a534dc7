"""The stages of a run, each a function from checkpoints to a checkpoint, in the order of the recipe's constraints."""

from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.neuron import neuron_stage
from spikewright.compress.stages.quantisers import quantisers_stage
from spikewright.compress.stages.run import Run, State
from spikewright.compress.stages.structure import structure_stage
from spikewright.compress.stages.teacher import teacher_stage
from spikewright.compress.stages.tokens import tokens_stage


def run_stages(run: Run) -> tuple[State, State]:
    """All stages of the recipe in their order; the states of the dense and of the quantised model."""
    dense, early = teacher_stage(run)
    shaped, early = structure_stage(run, dense, early)
    trained = tokens_stage(run, shaped)
    pruned, masks = masks_stage(run, trained, early)
    adapted = neuron_stage(run, pruned, masks)
    return dense, quantisers_stage(run, adapted, masks)


def planned_epochs(recipe: Recipe) -> int:
    """Epochs of all stages together, for progress."""
    constraints = recipe.constraints
    masks, quantisers = constraints.masks, constraints.quantisers
    single = (constraints.structure, constraints.tokens, constraints.neuron)
    total = recipe.teacher.epochs + sum(part.epochs for part in single if part)
    if masks:
        rounds = {"lottery": masks.rounds, "l1p": 1}.get(masks.method, 2)
        total += masks.epochs * (rounds - 1) + (masks.final_epochs or masks.epochs)
    if quantisers.method == "search":
        total += quantisers.search_epochs
    return total + quantisers.epochs + quantisers.gather_epochs + quantisers.grid_epochs
