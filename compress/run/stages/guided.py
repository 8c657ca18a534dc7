"""Attention-guided compression of an ANN, and the SNN that it becomes (paper 4), or its control by magnitude alone."""

from __future__ import annotations

from typing import cast

import torch

from spikewright.compress.methods.channels import thinned
from spikewright.compress.methods.guided import (
    AttentionTransfer,
    Regrowth,
    density_masks,
    match_activity,
    set_thresholds,
)
from spikewright.compress.methods.masks import Masks, apply_masks, prunable, survivors, weight_count
from spikewright.compress.networks.build import dense_model, student_model
from spikewright.compress.recipe.constraints import ConvertedMasks, GuidedMasks
from spikewright.compress.run.stages.run import MASK, Run, Stage, State, copy_of, fast, state_and_masks
from spikewright.compress.training.loop import Phase
from spikewright.models.convnets import ConvNet, to_spiking

#: Training images on which a pruned network's sums are matched with the dense one's.
IMAGES = 128


def guided_stage(run: Run, masks: ConvertedMasks, dense: State) -> tuple[State, Masks]:
    """The trained SNN and its masks (none where channels went)."""
    guided = masks if isinstance(masks, GuidedMasks) else None
    lesson = run.lesson(masks, lambda: run.teacher)
    regrowth = Regrowth(guided.regrowth, masks.banks) if guided and not guided.channels else None

    def compress() -> Stage:
        meta = cast(ConvNet, run.teacher)
        ann = cast(ConvNet, dense_model(run.recipe))
        ann.load_state_dict(dense)
        chosen: Masks = {}
        if masks.channels:
            ann = thinned(ann, masks.sparsity)
        else:
            total = weight_count(prunable(ann))
            chosen = density_masks(ann, survivors(total, masks.sparsity, 1, 1), banks=masks.banks)
            apply_masks(ann, chosen)
        match_activity(ann, meta, run.task.inputs(run.task.data.train.images[:IMAGES]))
        phase = Phase("masks-ann", masks.epochs, masks.rate, masks=chosen, adapt=regrowth)
        terms = (AttentionTransfer(meta, guided.attention),) if guided else ()
        log = run.train(fast(ann), phase, terms, lesson)
        return copy_of(ann) | {MASK + n: m.to(torch.uint8) for n, m in chosen.items()}, log

    compressed, chosen = state_and_masks(run.stage("masks-ann", compress))

    def spike() -> Stage:
        ann = cast(ConvNet, dense_model(run.recipe))
        if masks.channels:
            ann = thinned(ann, masks.sparsity)
        ann.load_state_dict(compressed)
        to_spiking(ann, leak=masks.leak, surrogate=masks.surrogate)
        set_thresholds(ann, run.task, run.task.data.train)
        snn = fast(cast(ConvNet, student_model(run.recipe)))
        snn.load_state_dict(ann.state_dict())
        epochs = masks.final_epochs or masks.epochs
        current = {name: mask.clone() for name, mask in chosen.items()}
        phase = Phase("masks-snn", epochs, masks.final_rate or masks.rate, masks=current, adapt=regrowth)
        log = run.train(snn, phase, lesson=lesson)
        log[-1]["kept"] = sum(int(p.count_nonzero()) for p in prunable(snn).values())
        return copy_of(snn) | {MASK + n: m.to(torch.uint8) for n, m in current.items()}, log

    return state_and_masks(run.stage("masks-snn", spike))
