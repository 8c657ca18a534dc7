"""How long a run would train on this machine, from a few batches of each kind of network that it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch

from spikewright.compress.methods.guided import AttentionTransfer
from spikewright.compress.methods.quantise import candidates
from spikewright.compress.methods.tokens import selectors
from spikewright.compress.networks.build import dense_model, quantise, student_model
from spikewright.compress.recipe.constraints import GuidedMasks, SearchedQuantisers
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.rehearsal import expected_formats
from spikewright.compress.run.stages.run import Run, copy_of
from spikewright.compress.search.mixtures import begin_search
from spikewright.compress.training.devices import on_device, training_device
from spikewright.compress.training.loop import Phase, TrainingError, accuracy
from spikewright.compress.training.objective import Objective, Term
from spikewright.models.convnets import ConvNet
from spikewright.models.data import Split
from spikewright.models.graph import SpikingNetwork

#: Batches and validation images that are timed.
_BATCHES, _VALIDATED = 3, 120
#: Stages whose network or tokens are of another kind than those of the others, which train the student in float.
_KINDS = {name: name for name in ("teacher", "masks-ann", "search", "quantisers", "gather")} | {"grid": "gather"}


def seconds_of(run: Run, plan: dict[str, int]) -> float:
    """Seconds that the epochs of ``plan`` (by stage) would take."""
    kinds = {stage: _KINDS.get(stage, "student") for stage, epochs in plan.items() if epochs}
    try:
        each = {kind: _seconds_an_epoch(run, kind) for kind in dict.fromkeys(kinds.values())}
    except TrainingError:  # at a rate that moves nothing
        raise TrainingError(
            f"{run.recipe.name}: the loss is not a number before anything is trained: factors in training or "
            "constraints, or model.input_scale, are too large, or the network itself answers none"
        ) from None
    return sum(plan[stage] * each[kind] for stage, kind in kinds.items())


def _network(recipe: Recipe, kind: str) -> SpikingNetwork:
    if kind in ("teacher", "masks-ann"):  # of a convolutional family the ANN, which has one step
        return dense_model(recipe)
    network, quantisers = student_model(recipe), recipe.constraints.quantisers
    if kind == "search" and isinstance(quantisers, SearchedQuantisers):
        begin_search(network, candidates(quantisers.schemes, quantisers.widths))
    elif kind in ("quantisers", "gather"):
        quantise(network, expected_formats(recipe, network))
    return network


def _seconds_an_epoch(run: Run, kind: str) -> float:
    """Augmentation, training and validation, the last two timed on a part of the images."""
    recipe, data, batch = run.recipe, run.task.data, run.settings.batch
    images = min(len(data.train), run.task.limit or len(data.train))
    batches = max(1, images // batch)
    few = Split(data.validation.images[:_VALIDATED], data.validation.labels[:_VALIDATED])
    part = replace(run.task, data=replace(data, validation=few), limit=min(images, _BATCHES * batch))
    # what comes behind the teacher also learns from its answers
    timed = Run(recipe, run.checkpoints, part, dense=None if kind == "teacher" else copy_of(dense_model(recipe)))
    network, masks = _network(recipe, kind), recipe.constraints.masks
    terms: tuple[Term, ...] = ()
    if kind == "masks-ann" and isinstance(masks, GuidedMasks):
        terms = (AttentionTransfer(cast(ConvNet, timed.teacher), masks.attention),)
    soft = kind != "gather" and bool(selectors(network))  # then an epoch does not end in validation
    phase = Phase("forecast", 1, 1e-9, soft=soft)
    with torch.random.fork_rng():
        # the first batch and the first validation are slower than any other
        replace(timed, task=replace(part, limit=min(images, batch))).train(network, phase, terms)
        augmenting = _seconds(lambda: part.epoch(np.random.default_rng(0)))
        with on_device(training_device(), network, Objective(), {}):
            judging = 0.0 if soft else _seconds(lambda: accuracy(network, part, few))
        whole = _seconds(lambda: timed.train(network, phase, terms))
    training = max(0.0, whole - augmenting - judging) / min(batches, _BATCHES)
    return augmenting + training * batches + judging * len(data.validation) / len(few)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
