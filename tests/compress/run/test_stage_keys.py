"""Keys of checkpoints: what a stage depends on makes another key, and nothing else does."""

from pathlib import Path
from typing import Any

import pytest

from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.artefacts import Checkpoints, stage_key
from spikewright.compress.run.stages import planned, teacher_stage
from spikewright.compress.run.stages import run as stages
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.run import Run

TEXT = """
name: t
data: digits
model: {dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 1}
constraints:
  masks: MASKS
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
"""
THREE = "sparsity: 0.6, rounds: 3, epochs: 1, rewind: 1"


def recipe(masks: str, change: tuple[str, str] = ("", "")) -> Recipe:
    return parse_recipe(TEXT.replace("MASKS", f"{{{masks}}}").replace(*change))


def test_methods_of_masks_never_share_a_key_though_their_fields_are_equal() -> None:
    stages = ("masks-01", "neuron", "quantisers", "gather", "grid")
    same = "sparsity: 0.5, epochs: 1"
    lottery, l1p = recipe(f"{same}, rewind: 1"), recipe(f"method: l1p, {same}")
    for stage in stages:
        assert stage_key(lottery, stage) != stage_key(l1p, stage)
    assert stage_key(lottery, "teacher") == stage_key(l1p, "teacher")
    vgg = ("dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2", "family: vgg, depth: 11")
    defaults = [recipe(f"method: {method}", vgg) for method in ("attention-guided", "magnitude")]
    for stage in ("masks-ann", "masks-snn", "grid"):
        assert len({stage_key(default, stage) for default in defaults}) == 2


def test_several_processes_count_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for processes in ("1", "2", "4"):
        monkeypatch.setenv("WORLD_SIZE", processes)
        keys.add(stage_key(recipe(THREE), "teacher"))
    monkeypatch.delenv("WORLD_SIZE")
    assert len(keys | {stage_key(recipe(THREE), "teacher")}) == 3


def test_a_field_at_its_default_a_name_and_a_target_make_no_other_key() -> None:
    plain = recipe(THREE)
    for change in (("teacher: {epochs: 1}", "teacher: {epochs: 1, rate: 0.003}"), ("name: t", "name: u\nseed: 1"),
                   ("name: t", "name: t\ntarget: {board: ulx3s-25f}")):  # fmt: skip
        changed = recipe(THREE, change)
        assert all(stage_key(plain, stage) == stage_key(changed, stage) for stage in ("early", *planned(plain)))
    assert stage_key(plain, "teacher") != stage_key(recipe(THREE, ("name: t", "name: t\nseed: 2")), "teacher")


def test_a_trajectory_that_stops_earlier_shares_its_rounds_and_nothing_behind_them() -> None:
    whole, short = recipe(THREE), recipe(f"{THREE}, stop_after: 2")
    assert [name for name in planned(short) if name.startswith("masks")] == ["masks-01", "masks-02"]
    for stage in ("teacher", "early", "masks-01", "masks-02"):
        assert stage_key(whole, stage) == stage_key(short, stage)
    for stage in ("quantisers", "grid"):
        assert stage_key(whole, stage) != stage_key(short, stage)


@pytest.mark.parametrize(
    ("special", "last"),
    [("final_epochs: 4", {"masks-02": 4}), ("start: random", {"masks-02-anew-early": 1, "masks-02-anew": 1})],
)
def test_a_last_round_that_is_trained_otherwise_is_not_shared(special: str, last: dict[str, int]) -> None:
    whole, short = recipe(f"{THREE}, {special}"), recipe(f"{THREE}, {special}, stop_after: 2")
    assert stage_key(whole, "masks-01") == stage_key(short, "masks-01")
    assert {name: n for name, n in planned(short).items() if name.startswith("masks")} == {"masks-01": 1} | last
    for stage in last:
        assert stage_key(whole, stage) != stage_key(short, stage)


def test_the_round_that_is_taken_is_the_trajectorys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of three are trained, then taken up by the whole trajectory: it trains the third alone."""
    real, trained = stages.train, []

    def noted(*args: Any, **named: Any) -> Any:
        trained.append(args[3].label)
        return real(*args, **named)

    monkeypatch.setattr(stages, "train", noted)
    left = {}
    for masks in (f"{THREE}, stop_after: 2", THREE):
        lottery = recipe(masks)
        run = Run.start(lottery, Checkpoints(tmp_path, lottery, shared=True))
        dense, early = teacher_stage(run)
        left[masks] = masks_stage(run, dense, early)
    assert trained == ["teacher", "masks-01", "masks-02", "masks-03"]
    (_, short), (_, whole) = left.values()
    assert all(not (whole[name] & ~short[name]).any() for name in short)
    assert sum(int(m.sum()) for m in whole.values()) < sum(int(m.sum()) for m in short.values())
