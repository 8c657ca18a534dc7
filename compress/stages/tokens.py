"""Token selectors are trained together with the network."""

from __future__ import annotations

from spikewright.compress.build import add_selectors, dense_model
from spikewright.compress.stages.run import Run, Stage, State, copy_of, fast
from spikewright.compress.training import Phase
from spikewright.models.spikformer import Spikformer


def with_selectors(run: Run, state: State) -> Spikformer:
    """The model with selectors; parameters from ``state``, the selectors' initialisation where it has none."""
    model = dense_model(run.recipe)
    add_selectors(model, run.recipe)
    model.load_state_dict({n: t for n, t in model.state_dict().items() if n.startswith("selector.")} | state)
    return fast(model)


def tokens_stage(run: Run, start: State) -> State:
    """Train selectors and network together, from the dense weights, with masks sampled from Gumbel-softmax."""
    tokens = run.recipe.constraints.tokens
    if tokens is None:
        return start

    def make() -> Stage:
        model = with_selectors(run, start)
        log = run.train(model, Phase("tokens", tokens.epochs, tokens.rate, soft=True))
        return copy_of(model), log + run.settle(model, "tokens")

    return run.stage("tokens", make)
