"""The stages of a run, each a function from checkpoints to a checkpoint, in the order of the recipe's constraints."""

from spikewright.compress.recipe.constraints import ConvertedMasks, LotteryMasks, SearchedQuantisers
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.neuron import neuron_stage
from spikewright.compress.run.stages.quantisers import quantisers_stage
from spikewright.compress.run.stages.run import Run, State
from spikewright.compress.run.stages.structure import structure_stage
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage


def run_stages(run: Run) -> tuple[State, State]:
    """All stages of the recipe in their order; the states of the dense and of the quantised model."""
    dense, early = teacher_stage(run)
    shaped, early = structure_stage(run, dense, early)
    trained = tokens_stage(run, shaped)
    pruned, masks = masks_stage(run, trained, early)
    adapted = neuron_stage(run, pruned, masks)
    return dense, quantisers_stage(run, adapted, masks)


def planned(recipe: Recipe) -> dict[str, int]:
    """Epochs of each stage in their order, by the names of their checkpoints."""
    constraints = recipe.constraints
    masks, quantisers = constraints.masks, constraints.quantisers
    epochs = {"teacher": recipe.teacher.epochs}
    for name in ("structure", "tokens"):
        if (part := getattr(constraints, name)) is not None:
            epochs[name] = part.epochs
    if isinstance(masks, LotteryMasks):
        epochs |= {f"masks-{number:02d}": masks.epochs for number in range(1, masks.last_round)}
        last = f"masks-{masks.last_round:02d}"
        if masks.start == "random":
            last += "-anew"
            epochs[f"{last}-early"] = masks.rewind
        epochs[last] = masks.final_epochs or masks.epochs
    elif isinstance(masks, ConvertedMasks):
        epochs |= {"masks-ann": masks.epochs, "masks-snn": masks.final_epochs or masks.epochs}
    elif masks is not None:
        epochs["masks-01"] = masks.epochs
    if constraints.neuron is not None:
        epochs["neuron"] = constraints.neuron.epochs
    if isinstance(quantisers, SearchedQuantisers):
        epochs["search"] = quantisers.search_epochs
    return epochs | {
        "quantisers": quantisers.epochs, "gather": quantisers.gather_epochs, "grid": quantisers.grid_epochs,
    }  # fmt: skip
