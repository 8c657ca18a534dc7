"""Quantisation-aware training in three phases, the last on the package's own grid."""

from __future__ import annotations

from functools import cache

from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.quantise import QuantFormat, candidates
from spikewright.compress.methods.tokens import selectors
from spikewright.compress.networks.build import FORMAT, format_tensors, formats_from, layer_names, on_the_grid, quantise
from spikewright.compress.networks.prefixes import apart
from spikewright.compress.recipe.constraints import FixedQuantisers, SearchedQuantisers
from spikewright.compress.recipe.fractions import with_fractions
from spikewright.compress.recipe.reading import layer_formats
from spikewright.compress.run.stages.run import Lesson, Run, Stage, State, copy_of, fast, student
from spikewright.compress.search.format_search import FormatSearch
from spikewright.compress.training.loop import Phase

#: Training images on which firing rates are measured for the search's cost.
IMAGES = 64


def quantisers_stage(run: Run, start: State, masks: Masks) -> State:
    """Learned steps with soft tokens; then tokens gathered; then norms frozen on the exact membrane grid."""
    quantisers = run.recipe.constraints.quantisers
    soft = bool(run.recipe.selector_blocks())
    float_state = start
    formats, start = _formats(run, start, masks)
    model = student(run, start, plastic=True)
    quantise(model, formats)
    fast(model)

    @cache
    def lesson() -> Lesson:
        return run.lesson(quantisers, lambda: student(run, float_state, plastic=True))

    def learn() -> Stage:
        phase = Phase("quantisers", quantisers.epochs, quantisers.rate, soft=soft, masks=masks)
        log = run.train(model, phase, lesson=lesson())
        return copy_of(model), log

    def gather() -> Stage:
        phase = Phase("gather", quantisers.gather_epochs, quantisers.rate, masks=masks)
        log = run.train(model, phase, lesson=lesson())
        log += run.settle(model, "gather", lesson())
        return copy_of(model), log

    def grid() -> Stage:
        phase = Phase("grid", quantisers.grid_epochs, quantisers.rate * 0.5, frozen_norms=True, masks=masks)
        log = run.train(model, phase, lesson=lesson())
        return copy_of(model), log

    model.load_state_dict(run.stage("quantisers", learn))
    for selector in selectors(model):
        selector.requires_grad_(False)  # hard gathering gives them no gradient; decay alone must not move them
    model.load_state_dict(run.stage("gather", gather))
    on_the_grid(model)
    state = run.stage("grid", grid)
    if isinstance(quantisers, SearchedQuantisers):
        state |= {FORMAT + name: tensor for name, tensor in format_tensors(formats).items()}
    return state


def _formats(run: Run, start: State, masks: Masks) -> tuple[dict[str, QuantFormat], State]:
    """Each layer's format, from the recipe or searched, and the weights to go on with."""
    recipe, quantisers = run.recipe, run.recipe.constraints.quantisers
    if isinstance(quantisers, FixedQuantisers):
        return layer_formats(recipe, layer_names(student(run, start, plastic=True))), start

    def search() -> Stage:
        model = fast(student(run, start, plastic=True))
        few = run.task.inputs(run.task.data.train.images[:IMAGES])
        formats = candidates(quantisers.schemes, quantisers.widths)
        choice = FormatSearch(model, quantisers.target_bits, few, formats, input_bits=recipe.input_bits)
        phase = Phase("search", quantisers.search_epochs, quantisers.rate, masks=choice.masks(masks))
        phase.soft = bool(recipe.selector_blocks())
        phase.after_epoch = lambda done: choice.cool(done, quantisers.search_epochs)
        lesson = run.lesson(quantisers, lambda: student(run, start, plastic=True))
        log = run.train(model, phase, (choice,), lesson)
        chosen = with_fractions(model, recipe, choice.finish())
        return copy_of(model) | {FORMAT + n: t for n, t in format_tensors(chosen).items()}, log

    tensors = run.stage("search", search)
    state, formats = apart(tensors, FORMAT)
    return formats_from(formats), state
