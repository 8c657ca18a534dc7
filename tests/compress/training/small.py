"""A small network in float64, its task and its objective, the same in every process."""

from __future__ import annotations

import torch
from torch import Tensor

from spikewright.compress.training.objective import Objective
from spikewright.models.data import Images, load
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import Task, make_task


class Double(Task):
    """The digits in float64."""

    def __init__(self, limit: int) -> None:
        task = make_task(load("digits"), limit=limit)
        super().__init__(task.data, task.table, limit)

    def inputs(self, images: Images) -> Tensor:
        return super().inputs(images).double()


def network() -> Spikformer:
    torch.manual_seed(3)
    return Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2)).double()


def objective() -> Objective:
    return Objective(label_smoothing=0.1)
