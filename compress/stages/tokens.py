"""Token selectors are trained together with the network."""

from __future__ import annotations

from spikewright.compress.build import student_model
from spikewright.compress.plastic import make_plastic
from spikewright.compress.stages.run import Run, Stage, State, copy_of, fast
from spikewright.compress.training import Phase
from spikewright.models.spikformer import Spikformer


def with_selectors(run: Run, state: State, *, plastic: bool = False) -> Spikformer:
    """The model with selectors; parameters from ``state``, the selectors' initialisation where it has none.

    plastic: its neurons are those of the neuron constraint, if there is one.
    """
    model = student_model(run.recipe)
    neuron = run.recipe.constraints.neuron
    if plastic and neuron is not None:
        make_plastic(model, neuron.kind)
    model.load_state_dict({n: t for n, t in model.state_dict().items() if n.startswith("selector.")} | state)
    return fast(model)


def tokens_stage(run: Run, start: State) -> State:
    """Train selectors and network together, from the trained weights, with masks sampled from Gumbel-softmax."""
    tokens = run.recipe.constraints.tokens
    if tokens is None:
        return start

    def make() -> Stage:
        model = with_selectors(run, start)
        log = run.train(model, Phase("tokens", tokens.epochs, tokens.rate, soft=True))
        return copy_of(model), log + run.settle(model, "tokens")

    return run.stage("tokens", make)
