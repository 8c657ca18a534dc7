"""Training in two processes under torchrun: the losses of one process that normalises the same two half-batches."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small import Double, network, objective

from spikewright.compress.training import seeds

HERE = Path(__file__).parent


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


def test_two_processes_train_as_one_that_normalises_the_same_halves(tmp_path: Path) -> None:
    file = tmp_path / "losses.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    subprocess.run([*command, str(HERE / "two_processes.py"), str(file)], check=True, env=environment, timeout=300)
    found = json.loads(file.read_text())
    assert found["processes"] == 2
    torch.set_num_threads(1)
    want = one_process(10)
    assert len(found["losses"]) == 10
    assert len(set(want)) == 10
    assert found["losses"] == pytest.approx(want, rel=1e-10)
