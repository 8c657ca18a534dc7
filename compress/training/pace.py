"""The time that a run still needs, at the pace of the stage that is running."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from datetime import timedelta

from spikewright.compress.training.loop import Record


class Pace:
    """Told every record of a run, it knows how long the epochs that are left would take if all were as the stage's.

    plan: epochs by stage; finished: stages whose checkpoints are there, so that their records come at once.
    """

    def __init__(
        self, plan: Mapping[str, int], finished: Container[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._left = {stage: epochs for stage, epochs in plan.items() if stage not in finished}
        self._clock, self._last = clock, clock()
        self._stage, self._begun = "", 0.0
        self._seconds: float | None = None

    def left(self, record: Record) -> str:
        """``left 0:12:30`` behind the record; nothing before the first epoch that was trained."""
        now, stage, epoch = self._clock(), record["stage"], record["epoch"]
        if epoch != "end" and self._left.get(stage):
            if stage != self._stage:
                self._stage, self._begun = stage, self._last
            self._left[stage] -= 1
            self._seconds = (now - self._begun) / epoch
        self._last = now
        if self._seconds is None:
            return ""
        return f"left {timedelta(seconds=round(self._seconds * sum(self._left.values())))}"
