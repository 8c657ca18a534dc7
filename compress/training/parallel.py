"""Training in several processes: PyTorch's own launcher and DistributedDataParallel.

``torchrun --nproc-per-node 2 -m spikewright compress RECIPE.yaml -o RUN`` gives each process a share of each batch, and
its own GPU where PyTorch sees any (devices.py). A batch norm sees its process' share, as everywhere in PyTorch
without SyncBatchNorm (which does not run under gloo on a CPU); everything random is drawn alike in all processes, so
that they agree on batches and augmentation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from spikewright.compress.recipe.reading import RecipeError
from spikewright.compress.training.devices import training_device
from spikewright.compress.training.objective import Objective
from spikewright.models.graph import SpikingNetwork


class _Loss(nn.Module):
    """Network and objective as one module: DistributedDataParallel hooks into ``forward`` only."""

    def __init__(self, network: SpikingNetwork, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.objective(self.network, images, labels)


def process_count() -> int:
    """Processes that ``torchrun`` started, 1 without it; RecipeError where the environment says something else."""
    given = os.environ.get("WORLD_SIZE", "1")
    if not given.isdecimal() or not int(given):
        raise RecipeError(f"WORLD_SIZE is {given!r}: start with torchrun, or unset it")
    return int(given)


def is_first() -> bool:
    """Whether this process is the one that writes files and speaks; the only one is."""
    return process_count() < 2 or os.environ.get("RANK") == "0"


def without_gpu() -> int:
    """Processes on this machine for which no GPU is left, 0 where PyTorch sees none and all train on the CPU."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return max(0, int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - gpus) if gpus else 0


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """Where ``torchrun`` started this process; one of one without it."""
        if process_count() < 2:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if training_device().type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    def share(self, part: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process' share of a batch's indices, of equal length in all processes."""
        size = len(part) // self.count
        return part if self.count == 1 else part[self.rank * size : (self.rank + 1) * size]

    def parallel(self, network: SpikingNetwork, objective: Objective) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss of this process' share; its backward pass averages the gradients."""
        if self.count == 1:
            return lambda images, labels: objective(network, images, labels)
        unused = not all(p.requires_grad for p in network.parameters())
        wrapped = DistributedDataParallel(
            _Loss(network, objective), forward_sync_buffers=False, find_unused_parameters=unused
        )
        return cast("Callable[[Tensor, Tensor], Tensor]", wrapped)

    def agree(self, network: nn.Module) -> None:
        """Give every process the first one's buffers: running statistics are of its own share."""
        for buffer in network.buffers() if self.count > 1 else ():
            dist.broadcast(buffer, 0)

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=training_device())
        dist.all_reduce(total)
        return float(total) / self.count
