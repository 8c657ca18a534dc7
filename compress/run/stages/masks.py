"""Unstructured pruning: lottery tickets, round after round; or L1P, once."""

from __future__ import annotations

from itertools import islice

import torch

from spikewright.compress.methods.lottery import LotteryTickets
from spikewright.compress.methods.masks import (
    Masks,
    apply_masks,
    block_matrices,
    matrix_masks,
    prunable,
    reinitialised,
    selector_weights,
    weight_count,
)
from spikewright.compress.recipe.constraints import L1PMasks, LotteryMasks
from spikewright.compress.run.stages.guided import guided_stage
from spikewright.compress.run.stages.run import MASK, Lesson, Run, Stage, State, copy_of, state_and_masks, student
from spikewright.compress.training.loop import Phase
from spikewright.models.graph import SpikingNetwork


def masks_stage(run: Run, trained: State, early: State) -> tuple[State, Masks]:
    """The pruned weights and their masks; what was given, without the constraint."""
    masks = run.recipe.constraints.masks
    if masks is None:
        return trained, {}
    if isinstance(masks, LotteryMasks):
        return _lottery(run, masks, trained, early)
    return _l1p(run, masks, trained) if isinstance(masks, L1PMasks) else guided_stage(run, masks, trained)


def _lottery(run: Run, masks: LotteryMasks, trained: State, early: State) -> tuple[State, Masks]:
    """Prune by magnitude, rewind to the early weights with the selector's initialisation, retrain; each round."""
    model = student(run, early)
    tickets = LotteryTickets(model, copy_of(model), sparsity=masks.sparsity, rounds=masks.rounds, banks=masks.banks)
    first = trained
    chosen: Masks = {}
    model.load_state_dict(trained)
    for number, chosen in enumerate(islice(tickets, masks.last_round), start=1):
        last = number == masks.last_round
        label = f"masks-{number:02d}"
        if last and masks.start == "random":
            label += "-anew"
            model.load_state_dict(student(run, early_anew(run, label, chosen, early)).state_dict())
            apply_masks(model, chosen)

        def make(chosen: Masks = chosen, label: str = label, last: bool = last) -> Stage:
            epochs = masks.final_epochs if last and masks.final_epochs else masks.epochs
            lesson = run.lesson(masks, lambda: student(run, first))
            return _train(run, model, Phase(label, epochs, masks.rate, masks=chosen), lesson)

        trained, chosen = state_and_masks(run.stage(label, make))
        model.load_state_dict(trained)
    return trained, chosen


def early_anew(run: Run, label: str, masks: Masks, early: State) -> State:
    """What the control of rewinding has for the early weights: others, trained as those were, but under the masks.

    They are drawn for the round ``label``, and trained as the teacher was until the epoch that rounds rewind to.
    """
    stage, teacher, lottery = f"{label}-early", run.recipe.teacher, run.recipe.constraints.masks
    assert isinstance(lottery, LotteryMasks)

    def make() -> Stage:
        network = student(run, early, choosing=False)
        network.load_state_dict(reinitialised(network, run.recipe.seed, stage))
        phase = Phase(stage, teacher.epochs, teacher.rate, masks=masks, stop=lottery.rewind)
        log = run.train(network, phase, lesson=Lesson(None, run.task))
        return copy_of(network), log

    return run.stage(stage, make)


def _l1p(run: Run, masks: L1PMasks, trained: State) -> tuple[State, Masks]:
    """Prune each matrix of the blocks, once, and train on."""

    def make() -> Stage:
        model = student(run, trained)
        chosen = matrix_masks(dict(block_matrices(model)), masks.sparsity, banks=masks.banks)
        lesson = run.lesson(masks, lambda: student(run, trained))
        return _train(run, model, Phase("masks-01", masks.epochs, masks.rate, masks=chosen), lesson)

    return state_and_masks(run.stage("masks-01", make))


def _train(run: Run, model: SpikingNetwork, phase: Phase, lesson: Lesson) -> Stage:
    phase.soft = bool(run.recipe.selector_blocks())
    log = run.train(model, phase, lesson=lesson)
    log += run.settle(model, phase.label, lesson)
    pruned = sum(mask.numel() - int(mask.sum()) for mask in phase.masks.values())
    log[-1]["kept"] = weight_count(prunable(model)) + selector_weights(model) - pruned
    return copy_of(model) | {MASK + n: m.to(torch.uint8) for n, m in phase.masks.items()}, log
