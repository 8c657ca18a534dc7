"""Neurons that learn their threshold and leak, together with the masked weights."""

from __future__ import annotations

from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.run.stages.run import Run, Stage, State, copy_of, fast, student
from spikewright.compress.training.loop import Phase


def neuron_stage(run: Run, start: State, masks: Masks) -> State:
    """Replace the neurons and train on; what was given, without the constraint."""
    neuron = run.recipe.constraints.neuron
    if neuron is None:
        return start

    def make() -> Stage:
        model = student(run, start)
        make_plastic(model, neuron.kind)
        soft = bool(run.recipe.selector_blocks())
        lesson = run.lesson(neuron, lambda: student(run, start))
        phase = Phase("neuron", neuron.epochs, neuron.rate, neuron_rate=neuron.neuron_rate, soft=soft, masks=masks)
        log = run.train(fast(model), phase, lesson=lesson)
        log += run.settle(model, "neuron", lesson)
        return copy_of(model), log

    return run.stage("neuron", make)
