"""Where networks are: on a GPU while they train, if there is one, and on the CPU before and after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from spikewright.compress.methods.masks import Masks
from spikewright.compress.training.objective import Objective


def training_device() -> torch.device:
    """This process' GPU (``torchrun`` gives each its own), or the CPU where PyTorch sees none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def device_of(network: nn.Module) -> torch.device:
    """Where a network is."""
    return next(network.parameters()).device


@contextmanager
def on_device(device: torch.device, network: nn.Module, objective: Objective, masks: Masks) -> Iterator[None]:
    """Network, masks and the networks that the objective asks are on ``device`` within the block, in place."""

    def move(to: torch.device) -> None:
        network.to(to)
        objective.to(to)
        masks.update({name: mask.to(to) for name, mask in masks.items()})

    before = device_of(network)
    move(device)
    try:
        yield
    finally:
        move(before)
