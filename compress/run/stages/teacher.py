"""Dense training: the teacher of every later stage, and the early weights that masks rewind to."""

from __future__ import annotations

from spikewright.compress.networks.build import untrained_teacher
from spikewright.compress.recipe.constraints import LotteryMasks
from spikewright.compress.run.stages.run import Run, Stage, State, copy_of, fast
from spikewright.compress.training.loop import Phase


def teacher_stage(run: Run) -> tuple[State, State]:
    """The state at the end of dense training, and at the epoch that lottery masks rewind to (else empty)."""
    teacher, masks = run.recipe.teacher, run.recipe.constraints.masks
    rewind = masks.rewind if isinstance(masks, LotteryMasks) else None
    early: State = {}

    def train(stop: int | None) -> Stage:
        model = fast(untrained_teacher(run.recipe))
        if rewind == 0:
            early.update(copy_of(model))

        def keep(epoch: int) -> None:
            if epoch == rewind:
                early.update(copy_of(model))

        log = run.train(model, Phase("teacher", teacher.epochs, teacher.rate, after_epoch=keep, stop=stop))
        return copy_of(model), log

    def rewound() -> Stage:
        if not early:  # the teacher was trained by another run, with another rewind or none: take its way again
            train(rewind)
        return dict(early), []

    dense = run.stage("teacher", lambda: train(None))
    at_rewind = run.stage("early", rewound) if rewind is not None else {}
    run.dense = dense
    return dense, at_rewind
