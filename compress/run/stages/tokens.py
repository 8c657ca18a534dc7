"""Token selectors are trained together with the network."""

from __future__ import annotations

from spikewright.compress.run.stages.run import Run, Stage, State, copy_of, student
from spikewright.compress.training.loop import Phase


def tokens_stage(run: Run, start: State) -> State:
    """Train selectors and network together, from the trained weights, with masks sampled from Gumbel-softmax."""
    tokens = run.recipe.constraints.tokens
    if tokens is None:
        return start

    def make() -> Stage:
        model = student(run, start)
        lesson = run.lesson(tokens, lambda: student(run, start, choosing=False))
        log = run.train(model, Phase("tokens", tokens.epochs, tokens.rate, soft=True), lesson=lesson)
        log += run.settle(model, "tokens", lesson)
        return copy_of(model), log

    return run.stage("tokens", make)
