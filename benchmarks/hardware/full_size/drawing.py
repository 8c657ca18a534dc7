"""A network of a recipe, untrained but alive: weights by seed, norms calibrated on images, rates of 5 to 20 %."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.hardware.full_size.networks import FullSize, Images
from spikewright.compress.networks.export import export_package
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.rehearsal import rehearse
from spikewright.models.data.types import Dataset, Split
from spikewright.models.package import AttentionOp, ConvOp, LinearOp, Package, SelectOp, check
from spikewright.models.task import Task
from spikewright.sim.golden import evaluate, image_codes, sums
from spikewright.sim.stimulus.random_networks import unsaturated

#: Bounds of a layer's firing rate, and what is aimed at.
LEAST_RATE, MOST_RATE = 0.05, 0.20
_AIM = (0.08, 0.16)
_TRIES = 24


def drawn(name: str, network: FullSize, images: Images) -> Package:
    """The package of a network: sizes, masks, formats and leaks of its recipe; thresholds and biases by the images.

    images: uint8 [n, height, width, C] or [n, T, height, width, C], that norms are calibrated on
    """
    recipe = parse_recipe(f"name: {name}\n{network.recipe}")
    split = Split(images, np.zeros(len(images), np.int64))
    classes = recipe.model.classes
    data = Dataset(name, split, split, split, lambda rng, jittered=False: split, classes, counts=images.ndim == 5)
    package = export_package(rehearse(recipe), recipe, Task(data, network.table(images)))
    return _calibrated(package, images)


def _calibrated(package: Package, images: Images) -> Package:
    tensors, ops = dict(package.tensors), []
    package = Package(package.network, tensors)
    values = {"input": image_codes(package, torch.from_numpy(images))}
    last = {name: number for number, op in enumerate(package.network.ops) for name in op.reads}
    for number, op in enumerate(package.network.ops):
        if isinstance(op, ConvOp | LinearOp | AttentionOp):
            values[op.name] = _fired(package, op, values)
        else:
            op = unsaturated(package, op, values[op.input]) if isinstance(op, SelectOp) else op
            values[op.name], _ = evaluate(package, op, values)
        ops.append(op)
        values = {name: value for name, value in values.items() if last.get(name, -1) > number}
    network = package.network.model_copy(update={"ops": tuple(ops)})
    check(network, tensors)
    return replace(package, network=network)


def _fired(package: Package, op: ConvOp | LinearOp | AttentionOp, values: dict[str, Tensor]) -> Tensor:
    """Put bias and threshold by mean and deviation of each channel's sums, as a norm would; the spikes, int64.

    One factor a layer, by bisection, until it fires as it should.
    """
    currents = sums(package, op, values).double() * 2**op.neuron.fraction_bits
    mean, deviation = currents.mean(dim=(0, 1, 2)), currents.std(dim=(0, 1, 2), correction=0).clamp(min=1)
    low, high = -8.0, 6.0  # of the factor's exponent
    for _ in range(_TRIES):
        factor = 2 ** ((low + high) / 2)
        level = factor * deviation + (mean if isinstance(op, AttentionOp) else 0)
        if not isinstance(op, AttentionOp):
            package.tensors[f"{op.name}.bias"] = (-mean).round().int().numpy()
        package.tensors[f"{op.name}.threshold"] = level.round().clamp(min=1).int().numpy()
        spikes, _ = evaluate(package, op, values)
        rate = float(spikes.double().mean())
        if _AIM[0] <= rate <= _AIM[1]:
            return spikes
        low, high = ((low + high) / 2, high) if rate > _AIM[1] else (low, (low + high) / 2)
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise ValueError(f"{op.name} fires at {rate:.3f}, whatever its thresholds")
    return spikes
