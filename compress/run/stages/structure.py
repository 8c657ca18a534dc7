"""DSP: whole dimensions leave the blocks of the trained network, and it is trained on."""

from __future__ import annotations

from typing import cast

from spikewright.compress.methods.dimensions import choose, kept_from, kept_tensors, shrink, shrink_state, significance
from spikewright.compress.networks.build import dense_model
from spikewright.compress.networks.prefixes import apart
from spikewright.compress.run.stages.run import Run, Stage, State, copy_of, fast
from spikewright.compress.training.loop import Phase
from spikewright.models.spikformer import Spikformer

#: Prefix of the indices that stayed, in a checkpoint.
KEPT = "kept:"


def structure_stage(run: Run, dense: State, early: State) -> tuple[State, State]:
    """The trained and the early weights in the shrunk shapes; what was given, without the constraint."""
    structure = run.recipe.constraints.structure
    if structure is None:
        return dense, early

    def make() -> Stage:
        model = cast(Spikformer, dense_model(run.recipe))
        model.load_state_dict(dense)
        scores = significance(model, run.task, run.task.data.train, structure.score)
        student = run.recipe.student()
        kept = choose(scores, student)
        small = fast(shrink(model, kept, stream_limit=student.stream_limit))
        lesson = run.lesson(structure, lambda: run.teacher)
        log = run.train(small, Phase("structure", structure.epochs, structure.rate), lesson=lesson)
        log += run.settle(small, "structure", lesson)
        return copy_of(small) | {KEPT + name: indices for name, indices in kept_tensors(kept)}, log

    tensors = run.stage("structure", make)
    small, kept = apart(tensors, KEPT)
    return small, shrink_state(early, kept_from(kept))
