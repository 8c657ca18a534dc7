"""The time left: by the running stage's epochs, and not by those that were found."""

from typing import Any

from spikewright.compress.training.pace import Pace


def test_the_time_left_is_that_of_all_epochs_at_the_stages_pace() -> None:
    clock = [100.0]
    pace = Pace({"teacher": 30, "tokens": 2, "grid": 3}, ["teacher"], lambda: clock[0])

    def left_after(stage: str, epoch: int | str, seconds: float) -> str:
        clock[0] += seconds
        record: dict[str, Any] = {"stage": stage, "epoch": epoch}
        return pace.left(record)

    assert [left_after("teacher", epoch, 0.0) for epoch in (1, 2, "end")] == ["", "", ""]  # of its checkpoint
    assert left_after("tokens", 1, 60.0) == "left 0:04:00"
    assert left_after("tokens", 2, 20.0) == "left 0:02:00"  # 40 s each
    assert left_after("tokens", "end", 500.0) == "left 0:02:00"  # its norms are no epoch, and slow none down
    assert left_after("grid", 1, 1800.0) == "left 1:00:00"
    assert left_after("grid", 2, 1800.0) == "left 0:30:00"
    assert left_after("grid", 3, 1800.0) == "left 0:00:00"


def test_epochs_that_are_trained_again_are_not_counted_twice() -> None:
    clock = [0.0]
    pace = Pace({"teacher": 1, "grid": 1}, [], lambda: clock[0])
    for _ in range(3):
        clock[0] += 5.0
        assert pace.left({"stage": "teacher", "epoch": 1}) == "left 0:00:05"
