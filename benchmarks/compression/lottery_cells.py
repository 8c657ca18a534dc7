"""Cells of paper 1: the dense teacher, token selection, and one trajectory of lottery rounds on each fold."""

from __future__ import annotations

from typing import cast

from benchmarks.compression.network_cost import compressions
from benchmarks.compression.protocol import LONG, Answer, Cell, begin, finished, judged
from spikewright.compress.methods.masks import Masks, apply_masks, pruned_share
from spikewright.compress.methods.selector_controls import kept_area
from spikewright.compress.networks.account import layers_of
from spikewright.compress.run.stages.masks import early_anew, masks_stage
from spikewright.compress.run.stages.run import MASK, Run, Stage, State, copy_of, state_and_masks, student
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.compress.training.loop import Phase
from spikewright.cost.work import dense_macs
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Spikformer

#: Depth 4, 16 tokens; shared by all rows on clutter-digits.
BASE = """
data: "clutter-digits:FOLD"
model: {dim: 96, depth: 4, heads: 4, steps: 4}
training: {batch: 32, jitter: true, distillation: 1.0}
teacher: {epochs: 80}
constraints:
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
"""
#: Narrow selectors: their weights count as kept, and at half the model's width they would be a quarter of round 8.
TOKENS = BASE + "  tokens: {keep: 0.65, hidden: 16, epochs: 15, rate: 0.001}\n"
#: The rewind is late, as the validation digits of fold 0 preferred it to epoch 15.
LOTTERY = TOKENS + "  masks: {sparsity: 0.96, rounds: 11, epochs: 15, rewind: 60, jitter: false}\n"
#: Selectors without anything to learn.
CONTROLS = {
    method: TOKENS.replace("keep: 0.65, hidden: 16", f"method: {method}, keep: 0.65")
    for method in ("firing-rate", "random")
}
#: Rounds that are reported: 77, 87, 90, 95 and 96 % of the weights gone.
ROUNDS = (5, 7, 8, 10, 11)


def dense(run: Run) -> State:
    """The teacher's state; later stages distil from it."""
    state, _ = teacher_stage(run)
    return state


def pruned_answer(run: Run, network: SpikingNetwork) -> Answer:
    """What a pruned network answers, how much of it is gone, and the three compressions."""
    return {
        "gone": pruned_share(network),
        "classes": judged(run, network),
        "compression": compressions(run, network),
    }


def trajectory(run: Run) -> tuple[State, State]:
    """The weights with tokens that the first round prunes, and the early ones that every round rewinds to.

    What of teacher, tokens and eleven rounds had no checkpoint is trained.
    """
    state, early = teacher_stage(run)
    trained = tokens_stage(run, state)
    masks_stage(run, trained, early)
    return trained, early


def lottery_round(run: Run, number: int) -> tuple[State, Masks]:
    """Weights and masks of a round of the trajectory."""
    checkpoint = run.checkpoints.read(f"masks-{number:02d}")
    assert checkpoint is not None, "the trajectory comes first"
    return state_and_masks(checkpoint[0])


def trained_from(run: Run, stage: str, start: State, masks: Masks) -> tuple[State, Masks]:
    """A round of the trajectory with other masks or another start, at the same rate.

    stage: the checkpoint is named after it
    start: the weights that it begins with
    """
    rounds = run.recipe.constraints.masks
    assert rounds is not None

    def make() -> Stage:
        network = student(run, start)
        apply_masks(network, masks)
        lesson = run.lesson(rounds, lambda: run.teacher)
        log = run.train(network, Phase(stage, rounds.epochs, rounds.rate, soft=True, masks=masks), lesson=lesson)
        log += run.settle(network, stage, lesson)
        return copy_of(network) | {MASK + name: mask for name, mask in masks.items()}, log

    return state_and_masks(run.stage(stage, make))


def lottery(fold: int) -> Answer:
    """Teacher, tokens, eleven rounds; what each reported round answers once it is finished."""
    run = begin(LOTTERY, fold)
    trained, _ = trajectory(run)
    with_tokens = finished(run, student(run, trained), {}, "tokens")
    result: Answer = {
        "labels": run.task.data.test.labels.tolist(),
        "dense": judged(run, run.teacher),
        "tokens": judged(run, with_tokens),
        "gflops": {
            "dense": dense_macs(layers_of(run.teacher)) / 1e9,
            "tokens": dense_macs(layers_of(with_tokens)) / 1e9,
        },
        "area": kept_area(cast(Spikformer, with_tokens), run.task, run.task.data.test),
        "rounds": {},
    }
    for number in ROUNDS:
        pruned, masks = lottery_round(run, number)
        network = finished(run, student(run, pruned), masks, f"masks-{number:02d}")
        result["rounds"][str(number)] = pruned_answer(run, network)
    return result


def ninety(fold: int) -> Answer:
    """Round 8, 90 % of the weights gone, finished for longer than the curve's networks."""
    run = begin(LOTTERY, fold)
    trajectory(run)
    state, masks = lottery_round(run, 8)
    network = finished(run, student(run, state), masks, "masks-08", LONG)
    return pruned_answer(run, network)


def control(fold: int) -> Answer:
    """The lottery's masks of rounds 10 and 11 on weights that are drawn anew and trained as the rewound ones were."""
    run = begin(LOTTERY, fold)
    _, early = trajectory(run)
    result: Answer = {}
    for number in (10, 11):
        _, masks = lottery_round(run, number)
        stage = f"masks-{number:02d}-anew"
        trained, masks = trained_from(run, stage, early_anew(run, stage, masks, early), masks)
        result[str(number)] = judged(run, finished(run, student(run, trained), masks, stage))
    return result


def longer(fold: int) -> Answer:
    """The dense network finished as those with tokens are: what the longer training alone is worth."""
    run = begin(BASE, fold)
    network = student(run, dense(run))
    return {"classes": judged(run, finished(run, network, {}, "teacher"))}


def selector(fold: int) -> Answer:
    """Selectors without anything learned, trained and finished as the learned one is."""
    result: Answer = {}
    for method in CONTROLS:
        run = begin(CONTROLS[method], fold)
        state = tokens_stage(run, dense(run))
        network = finished(run, student(run, state), {}, "tokens")
        area = kept_area(cast(Spikformer, network), run.task, run.task.data.test)
        result[method] = {"classes": judged(run, network), "area": area}
    return result


CELLS = {
    "lottery": Cell(lottery, {"": LOTTERY}),
    "ninety": Cell(ninety, {"": LOTTERY}, schedule=LONG),
    "control": Cell(control, {"": LOTTERY}),
    "selector": Cell(selector, CONTROLS),
    "longer": Cell(longer, {"": BASE}),
}
