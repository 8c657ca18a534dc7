"""Cells of paper 1: the dense teacher, token selection, and one trajectory of lottery rounds on each fold."""

from __future__ import annotations

from typing import Any, cast

from protocol import begin, judged

from spikewright.compress.account import layers_of
from spikewright.compress.build import dense_model
from spikewright.compress.masks import Masks, prunable, reinitialised, rewind, selector_weights
from spikewright.compress.selector_controls import kept_area
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.run import Run, State, state_and_masks, student
from spikewright.compress.stages.teacher import teacher_stage
from spikewright.compress.stages.tokens import tokens_stage
from spikewright.compress.tokens import set_mode
from spikewright.compress.training import Phase
from spikewright.cost.work import dense_macs
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Spikformer

#: Depth 4, 16 tokens; shared by all rows on clutter-digits.
BASE = """
data: "clutter-digits:FOLD"
model: {dim: 64, depth: 4, heads: 4, steps: 4}
training: {batch: 32, jitter: true, distillation: 1.0}
teacher: {epochs: 60}
constraints:
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
"""
TOKENS = BASE + "  tokens: {keep: 0.65, epochs: 15, rate: 0.001}\n"
LOTTERY = TOKENS + "  masks: {sparsity: 0.96, rounds: 11, epochs: 15, rewind: 15}\n"
#: Rounds that are reported: 77, 87, 90, 95 and 96 % of the weights gone.
ROUNDS = (5, 7, 8, 10, 11)


def dense(run: Run) -> State:
    """The teacher's state; later stages distil from it."""
    state, _ = teacher_stage(run)
    return state


def loaded(network: SpikingNetwork, state: State) -> SpikingNetwork:
    """The network with a state, gathering tokens."""
    network.load_state_dict(state)
    set_mode(network, hard=True)
    return network.eval()


def share_gone(network: SpikingNetwork) -> float:
    """Pruned / dense weights with more than one dimension; the selectors' count as kept."""
    weights = prunable(network)
    total = sum(p.numel() for p in weights.values()) + selector_weights(network)
    return 1 - (sum(int(p.count_nonzero()) for p in weights.values()) + selector_weights(network)) / total


def lottery(fold: int) -> dict[str, Any]:
    """Teacher, tokens, eleven rounds; what each reported round answers."""
    run = begin(LOTTERY, fold)
    state, early = teacher_stage(run)
    teacher = loaded(dense_model(run.recipe), state)
    trained = tokens_stage(run, state)
    with_tokens = loaded(student(run, trained), trained)
    result: dict[str, Any] = {
        "labels": run.task.data.test.labels.tolist(),
        "dense": judged(run, teacher),
        "tokens": judged(run, with_tokens),
        "gflops": {
            "dense": dense_macs(layers_of(teacher)) / 1e9,
            "tokens": dense_macs(layers_of(with_tokens)) / 1e9,
        },
        "area": kept_area(cast(Spikformer, with_tokens), run.task, run.task.data.test),
        "rounds": {},
    }
    masks_stage(run, trained, early)
    for number in ROUNDS:
        found = run.checkpoints.read(f"masks-{number:02d}")
        assert found is not None
        pruned, _ = state_and_masks(found[0])
        network = loaded(student(run, pruned), pruned)
        result["rounds"][str(number)] = {"gone": share_gone(network), "classes": judged(run, network)}
    return result


def control(fold: int) -> dict[str, Any]:
    """The lottery's masks of rounds 10 and 11 on weights that are drawn anew, trained as long as a round."""
    run = begin(LOTTERY, fold)
    run.dense = dense(run)
    result: dict[str, Any] = {}
    for number in (10, 11):
        found = run.checkpoints.read(f"masks-{number:02d}")
        assert found is not None, "the trajectory of the lottery comes first"
        state, masks = state_and_masks(found[0])
        network = student(run, state)
        label = f"control-{number}"
        rewind(network, reinitialised(network, run.recipe.seed, label), masks)
        _train(run, network, label, masks)
        result[str(number)] = judged(run, network)
    return result


def _train(run: Run, network: SpikingNetwork, label: str, masks: Masks) -> None:
    rounds = run.recipe.constraints.masks
    assert rounds is not None
    run.train(network, Phase(label, rounds.epochs, rounds.rate, soft=True, masks=masks))
    run.settle(network, label)
    set_mode(network, hard=True)
    network.eval()


def selector(fold: int) -> dict[str, Any]:
    """Selectors without anything learned, trained as long as the learned one."""
    result: dict[str, Any] = {}
    for method in ("firing-rate", "random"):
        run = begin(TOKENS.replace("keep: 0.65", f"method: {method}, keep: 0.65"), fold)
        state = tokens_stage(run, dense(run))
        network = loaded(student(run, state), state)
        area = kept_area(cast(Spikformer, network), run.task, run.task.data.test)
        result[method] = {"classes": judged(run, network), "area": area}
    return result


CELLS = {"lottery": lottery, "control": control, "selector": selector}
