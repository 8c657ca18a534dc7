"""What stops a run leaves whole files behind, and a sentence."""

from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import run as stages
from spikewright.compress.training.loop import TrainingError

SHORT = """
name: short
data: digits
model: {dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 1}
constraints:
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, parse_recipe(SHORT))
    checkpoints.write("teacher", {"a": torch.zeros(100)}, [])
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RecipeError, match="not a whole checkpoint"):
        checkpoints.read("teacher")


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, and what was trained before stays: the run goes on from there."""
    path, run, real = tmp_path / "short.yaml", tmp_path / "run", stages.train
    path.write_text(SHORT)

    def diverges_in_gather(network: Any, task: Any, settings: Any, phase: Any, objective: Any, tick: Any) -> Any:
        gone = phase.label == "gather"
        return real(network, task, settings, phase, (lambda *_: torch.tensor(torch.nan)) if gone else objective, tick)

    monkeypatch.setattr(stages, "train", diverges_in_gather)
    with pytest.raises(TrainingError) as caught:
        run_recipe(path, run)
    assert str(caught.value) == "gather: the loss is not a number in epoch 1; lower the rate"
    kept = {p.name: p.stat().st_mtime_ns for p in (run / "stages").iterdir()}
    assert set(kept) == {"teacher.safetensors", "quantisers.safetensors"}
    assert [p.name for p in run.iterdir()] == ["stages"]
    monkeypatch.setattr(stages, "train", real)
    assert run_recipe(path, run).is_file()
    assert all((run / "stages" / name).stat().st_mtime_ns == when for name, when in kept.items())


def test_a_rate_that_is_far_too_high_ends_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "hot.yaml"
    path.write_text(SHORT.replace("teacher: {epochs: 1}", "teacher: {epochs: 2, rate: 1.0e+30}"))
    with pytest.raises(TrainingError, match="not a number"):
        run_recipe(path, tmp_path / "run")
    assert not (tmp_path / "run" / "package.safetensors").exists()
