"""The epoch loop, evaluation and norm re-estimation that all stages share. Everything random is seeded per epoch."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from spikewright.compress.build import selectors, set_mode
from spikewright.compress.masks import Masks, apply_masks
from spikewright.compress.recipe import Recipe
from spikewright.compress.tokens import distillation_loss, ratio_loss
from spikewright.models.data import Dataset, Split, encode, input_table, load
from spikewright.models.spikformer import Spikformer

Record = dict[str, Any]


class TrainingError(RuntimeError):
    """Training cannot go on; one sentence."""


@dataclass(frozen=True)
class Task:
    """Data of a recipe, ready for networks: image codes ``[n, C, H, W]`` float, labels ``[n]``."""

    data: Dataset
    table: NDArray[np.int16]
    limit: int | None
    jittered: bool

    def tensors(self, split: Split) -> tuple[Tensor, Tensor]:
        codes = torch.from_numpy(encode(split.images, self.table)).float()
        return codes, torch.from_numpy(split.labels)

    def epoch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The training images, augmented afresh."""
        images, labels = self.tensors(self.data.refresh(rng, self.jittered))
        return images[: self.limit], labels[: self.limit]


def make_task(recipe: Recipe) -> Task:
    """Load the recipe's data; the byte table comes from the training images alone."""
    data = load(recipe.data)
    return Task(
        data, input_table(data.train.images, bits=recipe.input_bits), recipe.training.images, recipe.training.jitter
    )


def seeds(recipe: Recipe, label: str) -> np.random.Generator:
    """Seed torch for the unit of work ``label`` and return a NumPy generator for it."""
    code = zlib.crc32(label.encode())
    torch.manual_seed(recipe.seed * 2**32 + code)
    return np.random.default_rng([recipe.seed, code])


@dataclass
class Phase:
    """One stretch of epochs with one optimiser."""

    label: str
    epochs: int
    rate: float
    soft: bool = False  #: selectors sample masks, and the ratio loss holds
    frozen_norms: bool = False
    masks: Masks = field(default_factory=dict)
    after_epoch: Callable[[int], None] | None = None


def _batches(images: Tensor, size: int) -> list[Tensor]:
    return [images[i : i + size] for i in range(0, len(images), size)]


def predict(model: nn.Module, images: Tensor, *, double: bool = False, batch: int = 120) -> NDArray[np.int64]:
    """Class per image, the first of equal scores. ``double``: in float64, exact on the integer grid."""
    model.eval()
    if double:
        model, images = model.double(), images.double()
    with torch.no_grad():
        scores = [model(part).numpy() for part in _batches(images, batch)]
    if double:
        model.float()
    return cast("NDArray[np.int64]", np.concatenate(scores).argmax(1))


def accuracy(model: nn.Module, task: Task, split: Split, *, double: bool = False) -> float:
    """Share of right classes, in percent."""
    images, labels = task.tensors(split)
    return round(100.0 * float((predict(model, images, double=double) == labels.numpy()).mean()), 3)


def _norms(model: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]


def reestimate_norms(model: Spikformer, recipe: Recipe, task: Task, label: str, passes: int = 2) -> None:
    """Fresh running statistics with tokens gathered, as inference sees them: a plain average over all batches."""
    before = [selector.mode for selector in selectors(model)]
    set_mode(model, hard=True)
    for norm in _norms(model):
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    with torch.no_grad():
        for i in range(passes):
            images, _ = task.epoch(seeds(recipe, f"{label}/norms/{i}"))
            for part in _batches(images, recipe.training.batch):
                if len(part) > 1:
                    model(part)
    for norm in _norms(model):
        norm.momentum = 0.1
    for selector, mode in zip(selectors(model), before, strict=True):
        selector.mode = mode
    model.eval()


def _optimiser(model: nn.Module, recipe: Recipe, rate: float) -> torch.optim.AdamW:
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    steps = [p for n, p in named if n.endswith(".step")]
    weights = [p for n, p in named if p.dim() > 1 and not n.endswith(".step")]
    others = [p for n, p in named if p.dim() <= 1 and not n.endswith(".step")]
    groups = [
        {"params": weights, "lr": rate, "factor": 1.0, "weight_decay": recipe.training.weight_decay},
        {"params": others, "lr": rate, "factor": 1.0, "weight_decay": 0.0},
        # Steps are some hundredths: Adam's updates, about the rate itself, would throw them about.
        {"params": steps, "lr": rate * 0.1, "factor": 0.1, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]])


def _loss(
    model: Spikformer, teacher: nn.Module | None, images: Tensor, labels: Tensor, recipe: Recipe, soft: bool
) -> Tensor:
    result = model.run(images)
    loss = F.cross_entropy(result.logits, labels, label_smoothing=recipe.training.label_smoothing)
    tokens = recipe.constraints.tokens
    if soft and tokens is not None:
        fractions = [s.keep / recipe.model.tokens for s in selectors(model)]
        loss = loss + tokens.ratio_weight * ratio_loss(result.choices, fractions)
    if teacher is not None:
        with torch.no_grad():
            target = teacher(images)
        loss = loss + recipe.training.distillation * distillation_loss(result.logits, target)
    return loss


def train(
    model: Spikformer,
    recipe: Recipe,
    task: Task,
    phase: Phase,
    teacher: nn.Module | None = None,
    tick: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Run the phase in place; one log record an epoch. Raises TrainingError where the loss is not a number."""
    set_mode(model, hard=not phase.soft)
    apply_masks(model, phase.masks)
    optimiser = _optimiser(model, recipe, phase.rate)
    batch = recipe.training.batch
    log: list[Record] = []
    done = 0
    for epoch in range(phase.epochs):
        images, labels = task.epoch(seeds(recipe, f"{phase.label}/{epoch}"))
        per_epoch = max(1, len(labels) // batch)
        warm, total = min(2, phase.epochs / 4) * per_epoch, phase.epochs * per_epoch
        model.train()
        if phase.frozen_norms:
            for norm in _norms(model):
                norm.eval()
        order, losses = torch.randperm(len(labels)), 0.0
        for i in range(per_epoch):
            share = min(1.0, (done + 1) / (warm + 1e-9)) * 0.5 * (1.0 + math.cos(math.pi * done / total))
            for group in optimiser.param_groups:
                group["lr"] = phase.rate * share * group["factor"]
            part = order[i * batch : (i + 1) * batch]
            loss = _loss(model, teacher, images[part], labels[part], recipe, phase.soft)
            if not torch.isfinite(loss):
                raise TrainingError(f"{phase.label}: the loss is not a number in epoch {epoch}; lower the rate")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            apply_masks(model, phase.masks)
            losses += float(loss.detach())
            done += 1
        record: Record = {"stage": phase.label, "epoch": epoch + 1, "loss": round(losses / per_epoch, 5)}
        if not phase.soft or not recipe.selector_blocks():
            # With soft masks the running statistics include dropped tokens: an accuracy there would mislead.
            record["validation"] = accuracy(model, task, task.data.validation)
        log.append(record)
        tick(record)
        if phase.after_epoch is not None:
            phase.after_epoch(epoch + 1)
    return log
