"""Two processes under torchrun: they train as one that normalises the same half-batches, and one speaks for both."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small import Double, network, objective

from spikewright.compress.recipe.reading import RecipeError, load_recipe
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages.run import task_of
from spikewright.compress.training.loop import seeds
from spikewright.compress.training.parallel import Ranks, without_gpu
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden

HERE = Path(__file__).parent
RECIPE = """
name: two
data: digits
model: {dim: 128, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 1}
target: {board: ulx3s-25f}
constraints:
  neuron: {kind: slif, epochs: 1}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


def one_process(steps: int) -> list[float]:
    """Plain PyTorch: each half of a batch is normalised by itself, the two losses are averaged."""
    task, model, loss_of = Double(limit=steps * 16), network(), objective()
    named = list(model.named_parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for _, p in named if p.dim() > 1], "weight_decay": 0.05},
            {"params": [p for _, p in named if p.dim() <= 1], "weight_decay": 0.0},
        ]
    )
    split = task.epoch(seeds(3, "ddp/0"))
    model.train()
    order, losses = torch.randperm(len(split)).numpy(), []
    for i in range(steps):
        warm = min(1.0, (i + 1) / (0.25 * steps + 1e-9))
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * warm * 0.5 * (1 + math.cos(math.pi * i / steps))
        part = order[i * 16 : (i + 1) * 16]
        halves = [
            loss_of(model, task.inputs(split.images[half]), torch.from_numpy(split.labels[half]))
            for half in (part[:8], part[8:])
        ]
        loss = (halves[0] + halves[1]) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


#: What torchrun tells the first of its processes, beside their number.
STARTED = {"RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder in which two processes worked, and what both together said."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "recipe.yaml").write_text(RECIPE)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", str(HERE / "two_processes.py")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=folder, env=environment, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


def test_two_processes_train_as_one_that_normalises_the_same_halves(two_processes: tuple[Path, str, str]) -> None:
    record = json.loads((two_processes[0] / "losses.json").read_text())
    assert record["processes"] == 2
    torch.set_num_threads(1)
    want = one_process(10)
    assert len(record["losses"]) == 10
    assert len(set(want)) == 10
    assert record["losses"] == pytest.approx(want, rel=1e-10)


def test_one_of_two_processes_writes_and_speaks(two_processes: tuple[Path, str, str]) -> None:
    folder, output, log = two_processes
    written = [(folder / f"written-{rank}.txt").read_text().split() for rank in (0, 1)]
    assert written[1] == []
    assert len(set(written[0])) == len(written[0])
    assert set(written[0]) == {path.name for path in (folder / "run").rglob("*") if path.is_file()}
    made = ["package: run/package.safetensors", "tried: run/tried.svg", "to look at: run/report.html"]
    assert output.splitlines() == made
    assert log.count("note: ulx3s-25f is not expected to take the network: ") == 1
    for record in ("teacher 1 loss", "gather 1 loss", "grid 1 loss", "what was tried"):
        assert log.count(record) == 1
    package = read_package(folder / "run" / "package.safetensors")
    recipe = load_recipe(folder / "recipe.yaml")
    assert np.array_equal(
        package.tensors["record.quantised"], golden(package, task_of(recipe).data.test.images).classes
    )


@pytest.mark.parametrize(("gpus", "processes", "bare"), [(0, 3, 0), (1, 1, 0), (1, 2, 1), (2, 2, 0), (2, 4, 2)])
def test_each_process_needs_a_gpu_where_there_are_any(
    gpus: int, processes: int, bare: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"):
        monkeypatch.setenv(name, str(processes))
    for name, value in STARTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert without_gpu() == bare
    if bare:
        (tmp_path / "recipe.yaml").write_text(RECIPE)
        with pytest.raises(RecipeError, match=f"{bare} of the processes on this machine would have no GPU: start one"):
            run_recipe(tmp_path / "recipe.yaml", tmp_path / "run")


def test_a_batch_is_shared_evenly_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [Ranks(rank, 2).share(np.arange(6)).tolist() for rank in (0, 1)] == [[0, 1, 2], [3, 4, 5]]
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.setenv("WORLD_SIZE", "3")
    for name, value in STARTED.items():
        monkeypatch.setenv(name, value)
    assert refusal(tmp_path) == "training.batch must be a multiple of the 3 processes, not 16"
    (tmp_path / "recipe.yaml").write_text(re.sub(r"images: \d+", "images: 7", RECIPE))
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert refusal(tmp_path) == "4 processes need 8 training images at least, but there are 7"


def test_a_number_of_processes_that_nobody_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in STARTED:
        monkeypatch.delenv(name, raising=False)
    for name, value in STARTED.items():
        assert refusal(tmp_path) == f"WORLD_SIZE is 2, but there is no {name}: start with torchrun, or unset it"
        monkeypatch.setenv(name, value)


def refusal(folder: Path) -> str:
    """What refuses the recipe of a folder, before anything is written."""
    with pytest.raises(RecipeError) as caught:
        run_recipe(folder / "recipe.yaml", folder / "run")
    assert not (folder / "run").exists()
    return str(caught.value).removeprefix(f"{folder / 'recipe.yaml'}: ")
