"""Lottery tickets: prune by magnitude, rewind, retrain, round after round."""

from __future__ import annotations

import torch

from spikewright.compress.masks import Masks, magnitude_masks, prunable, rewind, selector_weights, survivors
from spikewright.compress.stages.run import Run, Stage, State, copy_of
from spikewright.compress.stages.tokens import with_selectors
from spikewright.compress.training import Phase

_MASK = "mask:"


def masks_stage(run: Run, trained: State, early: State) -> tuple[State, Masks]:
    """Prune by magnitude, rewind to the early weights with the selector's initialisation, retrain; each round."""
    masks = run.recipe.constraints.masks
    if masks is None:
        return trained, {}
    model = with_selectors(run, early)
    early_whole = copy_of(model)
    names = list(prunable(model))
    mine = sum(p.numel() for p in prunable(model).values())
    total = mine + selector_weights(model)
    current: Masks | None = None
    for number in range(1, masks.rounds + 1):
        # The selectors' weights count as kept, so the network gives up their share too.
        keep = survivors(total, masks.sparsity, masks.rounds, number) - (total - mine)
        chosen = magnitude_masks({n: trained[n] for n in names}, keep, current)
        last = number == masks.rounds
        label = f"masks-{number:02d}"

        def make(chosen: Masks = chosen, label: str = label, last: bool = last, keep: int = keep) -> Stage:
            rewind(model, early_whole, chosen)
            epochs = masks.final_epochs if last and masks.final_epochs else masks.epochs
            soft = bool(run.recipe.selector_blocks())
            log = run.train(model, Phase(label, epochs, masks.rate, soft=soft, masks=chosen))
            log += run.settle(model, label)
            log[-1]["kept"] = keep + total - mine
            return copy_of(model) | {_MASK + n: m.to(torch.uint8) for n, m in chosen.items()}, log

        tensors = run.stage(label, make)
        trained = {n: t for n, t in tensors.items() if not n.startswith(_MASK)}
        current = {n.removeprefix(_MASK): t.bool() for n, t in tensors.items() if n.startswith(_MASK)}
    return trained, current or {}
