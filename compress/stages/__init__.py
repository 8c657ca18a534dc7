"""The stages of a run, each a function from checkpoints to a checkpoint: teacher → tokens → masks → quantisers."""

from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.quantisers import quantisers_stage
from spikewright.compress.stages.run import Run, State
from spikewright.compress.stages.teacher import teacher_stage
from spikewright.compress.stages.tokens import tokens_stage


def run_stages(run: Run) -> tuple[State, State]:
    """All stages of the recipe in their order; the states of the dense and of the quantised model."""
    dense, early = teacher_stage(run)
    trained = tokens_stage(run, dense)
    pruned, masks = masks_stage(run, trained, early)
    return dense, quantisers_stage(run, pruned, masks)


def planned_epochs(recipe: Recipe) -> int:
    """Epochs of all stages together, for progress."""
    tokens, masks, quantisers = recipe.constraints.tokens, recipe.constraints.masks, recipe.constraints.quantisers
    total = recipe.teacher.epochs + (tokens.epochs if tokens else 0)
    if masks:
        total += masks.epochs * (masks.rounds - 1) + (masks.final_epochs or masks.epochs)
    return total + quantisers.epochs + quantisers.gather_epochs + quantisers.grid_epochs
