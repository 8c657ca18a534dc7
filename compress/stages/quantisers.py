"""Quantisation-aware training in three phases, the last on the package's own grid."""

from __future__ import annotations

from spikewright.compress.build import layer_names, quantise, set_exact
from spikewright.compress.masks import Masks
from spikewright.compress.recipe import layer_formats
from spikewright.compress.stages.run import Run, Stage, State, copy_of, fast
from spikewright.compress.stages.tokens import with_selectors
from spikewright.compress.tokens import selectors, set_mode
from spikewright.compress.training import Phase, norms


def quantisers_stage(run: Run, start: State, masks: Masks) -> State:
    """Learned steps with soft tokens; then tokens gathered; then norms frozen on the exact membrane grid."""
    quantisers = run.recipe.constraints.quantisers
    soft = bool(run.recipe.selector_blocks())
    model = with_selectors(run, start, plastic=True)
    quantise(model, layer_formats(run.recipe, layer_names(model)))
    fast(model)

    def learn() -> Stage:
        log = run.train(model, Phase("quantisers", quantisers.epochs, quantisers.rate, soft=soft, masks=masks))
        return copy_of(model), log + run.settle(model, "quantisers")

    def gather() -> Stage:
        log = run.train(model, Phase("gather", quantisers.gather_epochs, quantisers.rate, masks=masks))
        return copy_of(model), log + run.settle(model, "gather")

    def grid() -> Stage:
        set_exact(model, True)
        phase = Phase("grid", quantisers.grid_epochs, quantisers.rate * 0.5, frozen_norms=True, masks=masks)
        log = run.train(model, phase)
        return copy_of(model), log

    model.load_state_dict(run.stage("quantisers", learn))
    for selector in selectors(model):
        selector.requires_grad_(False)  # hard gathering gives them no gradient; decay alone must not move them
    model.load_state_dict(run.stage("gather", gather))
    for norm in norms(model):
        norm.weight.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith((".step", ".level", ".leak")):
            parameter.requires_grad_(False)
    set_mode(model, hard=True)
    return run.stage("grid", grid)
