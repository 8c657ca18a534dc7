"""Cells of what is made for the engine: bank-balanced masks, a stream that saturates, counts that fill words.

Each case holds ``classes`` and predicted ``cycles``, and as ``plain`` those of what it is compared with.
"""

from __future__ import annotations

from benchmarks.compression.lottery_cells import (
    BASE,
    LOTTERY,
    TOKENS,
    dense,
    lottery_round,
    trained_from,
    trajectory,
)
from benchmarks.compression.network_cost import USUAL, network_cycles, shape_text
from benchmarks.compression.protocol import RETRAIN_EPOCHS, Answer, Cell, begin, finished, gathering, judged
from spikewright.compress.methods.masks import magnitude_masks, prunable, pruned_share
from spikewright.compress.run.stages.run import student
from spikewright.compress.run.stages.structure import structure_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.cost.shape import Shape

#: In no key: whoever changes it removes the cells, and the checkpoints that are called balanced.
BANKS = 4
#: The stream reaches 10 after four blocks: four planes; at 3 it has two.
CLIP = BASE + f"  structure: {{stream_limit: 3, epochs: {RETRAIN_EPOCHS}, rate: 0.002}}\n"
#: A word of 32 lanes holds 8 tokens: 16-8-8-8 instead of 16-10-6-4.
SLOTS = 8
FILL = TOKENS.replace("keep: 0.65,", f"keep: 0.65, fill: {SLOTS},")


def balanced(fold: int) -> Answer:
    """Rounds 8 and 10 of the lottery again with equally many weights in each of four banks of every output."""
    run = begin(LOTTERY, fold)
    _, early = trajectory(run)
    result: Answer = {}
    for number in (8, 10):
        before, _ = lottery_round(run, number - 1)
        state, unstructured = lottery_round(run, number)
        plain = finished(run, student(run, state), unstructured, f"masks-{number:02d}")
        keep = sum(int(mask.sum()) for mask in unstructured.values())
        weights = {name: before[name] for name in prunable(student(run, before))}
        chosen = magnitude_masks(weights, keep, banks=BANKS)
        stage = f"masks-{number:02d}-balanced"
        trained, masks = trained_from(run, stage, early, chosen)
        network = finished(run, student(run, trained), masks, stage)
        result[str(number)] = {
            "classes": judged(run, network),
            "cycles": network_cycles(run, network),
            "gone": pruned_share(network),
            "plain": {"classes": judged(run, plain), "cycles": network_cycles(run, plain)},
            "what": f"equal banks at {100 * pruned_share(network):.1f} % of the weights gone",
            "shape": shape_text(USUAL),
        }
    return result


def clip(fold: int) -> Answer:
    """The dense network with a residual stream of two bit-planes, trained on."""
    run = begin(CLIP, fold)
    state, _ = structure_stage(run, dense(run), {})
    network = gathering(student(run, state), state)
    return {
        "clip": {
            "classes": judged(run, network),
            "cycles": network_cycles(run, network),
            "plain": {"classes": judged(run, run.teacher), "cycles": network_cycles(run, run.teacher)},
            "what": "a residual stream of at most 3",
            "shape": shape_text(USUAL),
        }
    }


def fill(fold: int) -> Answer:
    """Token counts that fill words of eight slots, against those of the powers of rho."""
    run, usual = begin(FILL, fold), begin(TOKENS, fold)
    filled_state, plain_state = tokens_stage(run, dense(run)), tokens_stage(usual, dense(usual))
    filled = finished(run, student(run, filled_state), {}, "tokens")
    plain = finished(usual, student(usual, plain_state), {}, "tokens")
    shape = Shape(tokens=SLOTS, steps=4, banks=BANKS, streams=1)
    return {
        "fill": {
            "classes": judged(run, filled),
            "cycles": network_cycles(run, filled, shape),
            "plain": {"classes": judged(usual, plain), "cycles": network_cycles(usual, plain, shape)},
            "what": "tokens 16-8-8-8 instead of 16-10-6-4",
            "shape": shape_text(shape),
        }
    }


CELLS = {
    "balanced": Cell(balanced, {"": LOTTERY}),
    "clip": Cell(clip, {"": CLIP}),
    "fill": Cell(fill, {"fill": FILL, "plain": TOKENS}),
}
