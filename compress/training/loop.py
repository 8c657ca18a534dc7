"""The epoch loop, evaluation and norm re-estimation that all methods share. Everything random is seeded per epoch."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikewright.compress.methods.masks import Masks, apply_masks
from spikewright.compress.methods.tokens import selectors, set_mode
from spikewright.compress.training.devices import device_of
from spikewright.compress.training.objective import Objective
from spikewright.compress.training.parallel import Ranks
from spikewright.compress.training.parameters import parameter_groups, step_floors
from spikewright.errors import PlainError
from spikewright.models.data import Split
from spikewright.models.graph import SpikingNetwork
from spikewright.models.task import Task

Record = dict[str, Any]
#: Of network, optimiser, masks, the epoch that has ended (1 …), and the number of epochs.
Adapt = Callable[[nn.Module, torch.optim.Optimizer, Masks, int, int], None]


class TrainingError(PlainError):
    """Training cannot go on; one sentence."""


@dataclass(frozen=True)
class Settings:
    """What all phases of a run share.

    seed: of everything random; batch: images a step; weight_decay: AdamW's, of tensors with more than one dimension.
    """

    seed: int = 1
    batch: int = 64
    weight_decay: float = 0.05


@dataclass(eq=False)
class Phase:
    """One stretch of epochs with one optimiser: AdamW, cosine rate, warm-up of two epochs or a quarter."""

    label: str
    epochs: int
    rate: float
    neuron_rate: float | None = None  #: of leaks, and of thresholds as parts of their first values; rate, if not given
    soft: bool = False  #: token selectors sample masks; else they gather
    frozen_norms: bool = False
    masks: Masks = field(default_factory=dict)
    after_epoch: Callable[[int], None] | None = None
    adapt: Adapt | None = None  #: changes the masks after each epoch, in place
    stop: int | None = None  #: end after so many epochs, as if interrupted


def seeds(seed: int, label: str) -> np.random.Generator:
    """Seed torch for the unit of work ``label`` and return a NumPy generator for it."""
    torch.manual_seed(zlib.crc32(f"{seed}/{label}".encode()))  # PyTorch's generator takes 32 bits, no more
    return np.random.default_rng([seed, zlib.crc32(label.encode())])


def predict(
    network: SpikingNetwork, task: Task, split: Split, *, double: bool = False, batch: int = 120
) -> NDArray[np.int64]:
    """Class per image, the first of equal scores.

    double: in float64, exact on the integer grid; batch: images at once.
    """
    network.eval()
    device = device_of(network)
    if double:
        network.double()
    with torch.no_grad():
        parts = task.batches(split, batch)
        scores = [network((part.double() if double else part).to(device)).cpu().numpy() for part in parts]
    if double:
        network.float()
    return cast("NDArray[np.int64]", np.concatenate(scores).argmax(1))


def accuracy(network: SpikingNetwork, task: Task, split: Split, *, double: bool = False) -> float:
    """Share of right classes, in percent."""
    return round(100.0 * float((predict(network, task, split, double=double) == split.labels).mean()), 3)


def norms(network: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """Every batch norm."""
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]


def reestimate_norms(network: SpikingNetwork, task: Task, settings: Settings, label: str, passes: int = 2) -> None:
    """Fresh running statistics with tokens gathered, as inference sees them: a plain average over all batches."""
    before = [selector.mode for selector in selectors(network)]
    set_mode(network, hard=True)
    for norm in norms(network):
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    with torch.no_grad():
        for i in range(passes):
            split = task.epoch(seeds(settings.seed, f"{label}/norms/{i}"))
            for first in range(0, len(split), settings.batch):
                part = split.images[first : first + settings.batch]
                if len(part) > 1:
                    network(task.inputs(part).to(device_of(network)))
    for norm in norms(network):
        norm.momentum = 0.1
    for selector, mode in zip(selectors(network), before, strict=True):
        selector.mode = mode
    network.eval()


def train(
    network: SpikingNetwork,
    task: Task,
    settings: Settings,
    phase: Phase,
    objective: Objective,
    tick: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Run the phase in place; one log record an epoch. TrainingError where the loss is not a number.

    Under ``torchrun`` every process takes its share of each batch, and gradients are averaged. Everything is trained
    where the network is; masks and objective must be there too (``on_device`` of devices.py).
    """
    set_mode(network, hard=not phase.soft)
    apply_masks(network, phase.masks)
    ranks = Ranks.current()
    loss_of = ranks.parallel(network, objective)
    optimiser = torch.optim.AdamW(
        parameter_groups(network, phase.rate, neuron_rate=phase.neuron_rate, weight_decay=settings.weight_decay)
    )
    hold_steps = step_floors(network)
    batch, device = settings.batch, device_of(network)
    log: list[Record] = []
    done = 0
    for epoch in range(phase.epochs if phase.stop is None else phase.stop):
        split = task.epoch(seeds(settings.seed, f"{phase.label}/{epoch}"))
        per_epoch = max(1, len(split) // batch)
        warm, total = min(2, phase.epochs / 4) * per_epoch, phase.epochs * per_epoch
        network.train()
        if phase.frozen_norms:
            for norm in norms(network):
                norm.eval()
        order, losses = torch.randperm(len(split)).numpy(), 0.0
        for i in range(per_epoch):
            share = min(1.0, (done + 1) / (warm + 1e-9)) * 0.5 * (1.0 + math.cos(math.pi * done / total))
            for group in optimiser.param_groups:
                group["lr"] = phase.rate * share * group["factor"]
            part = ranks.share(order[i * batch : (i + 1) * batch])
            images, labels = task.inputs(split.images[part]), torch.from_numpy(split.labels[part])
            loss: Tensor = loss_of(images.to(device), labels.to(device))
            if not torch.isfinite(loss):
                raise TrainingError(f"{phase.label}: the loss is not a number in epoch {epoch + 1}; lower the rate")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            apply_masks(network, phase.masks)
            hold_steps()
            losses += ranks.mean(float(loss.detach()))
            done += 1
        for name, parameter in network.named_parameters():
            # A membrane that is no number never fires, so the loss need not tell.
            if not torch.isfinite(parameter).all():
                raise TrainingError(f"{phase.label}: {name} is not a number in epoch {epoch + 1}; lower the rate")
        if phase.adapt is not None:
            phase.adapt(network, optimiser, phase.masks, epoch + 1, phase.epochs)
        ranks.agree(network)
        record: Record = {"stage": phase.label, "epoch": epoch + 1, "loss": round(losses / per_epoch, 5)}
        if not phase.soft or not selectors(network):
            # With soft masks the running statistics include dropped tokens: an accuracy there would mislead.
            record["validation"] = accuracy(network, task, task.data.validation)
        log.append(record)
        tick(record)
        if phase.after_epoch is not None:
            phase.after_epoch(epoch + 1)
    return log
