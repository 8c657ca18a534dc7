"""Random packages that are alive, and random images: stimulus for everything that must be exact.

A random network with careless thresholds is silent after two layers and hides every bug. ``random_package`` therefore
runs the golden model op by op over random images and puts each layer's thresholds where it fires at 5 to 40 %.
"""

from collections.abc import Mapping

import numpy as np
import torch

from spikewright.models.package import (
    AddOp,
    AttentionOp,
    ConvOp,
    LinearOp,
    Op,
    Package,
    SelectOp,
    check,
    weight_values,
)
from spikewright.sim.golden import evaluate, hidden_activations, image_codes, sums
from spikewright.sim.stimulus.random_draft import NetworkSpec, draft_package

__all__ = [
    "NetworkSpec",
    "random_images",
    "random_package",
    "random_spec",
    "spikformer_384",
    "spikformer_384_spec",
    "unsaturated",
]

Array = np.ndarray
Rng = np.random.Generator


def random_spec(rng: Rng) -> NetworkSpec:
    """A small random shape: odd sizes, T of 1, 2, 4, 5 or 8, none to four pools, up to two selectors."""
    pools = [bool(rng.integers(2)) for _ in range(4)]
    side = max(3, 33 >> sum(pools))  # of the grid after the pools
    rows, columns = (int(rng.integers(2, min(side, 6))) for _ in range(2))
    depth, heads = int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 4]))
    tokens = rows * columns
    selectors: list[tuple[int, int]] = []
    for block in range(depth):
        if rng.random() < 0.4 and len(selectors) < 2:
            tokens = int(rng.integers(max(1, tokens // 2), tokens + 1))
            selectors.append((block, tokens))
    return NetworkSpec(
        height=rows << sum(pools),
        width=columns << sum(pools),
        channels=int(rng.integers(1, 4)),
        steps=int(rng.choice([1, 2, 4, 5, 8])),
        dim=heads * int(rng.integers(20 // heads, 52 // heads)),
        heads=heads,
        depth=depth,
        mlp_ratio=int(rng.integers(1, 5)),
        pools=(pools[0], pools[1], pools[2], pools[3]),
        selectors=tuple(selectors),
        classes=int(rng.integers(2, 12)),
        reset=None,
        compare=None,
        image_bits=int(rng.integers(3, 9)),
        image_signed=bool(rng.integers(2)),
    )


def random_images(seed: int, n: int, spec: NetworkSpec) -> Array:
    """uint8 [n, height, width, channels]: bright blobs and strokes over noise; also all-0, all-255 and pure noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: spec.height, : spec.width]
    images = np.empty((n, spec.height, spec.width, spec.channels), dtype=np.uint8)
    for i in range(n):
        level = rng.normal(40, 20) + rng.normal(0, 12, size=images.shape[1:])
        for _ in range(int(rng.integers(2, 7))):
            centre, radius = rng.random(2) * (spec.height, spec.width), rng.uniform(0.08, 0.3) * max(y.shape)
            blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * radius**2 + 0.1))
            level = level + blob[..., None] * rng.uniform(-60, 220, size=spec.channels)
        kind = rng.random()
        if kind < 0.1:
            level = rng.integers(0, 256, size=images.shape[1:]).astype(float)
        elif kind < 0.14:
            level = np.full(images.shape[1:], 255.0 * rng.integers(2))
        images[i] = np.clip(np.round(level), 0, 255)
    return images


def random_package(seed: int, spec: NetworkSpec, samples: int = 4) -> Package:
    """A package of that shape whose every layer fires; thresholds by running ``samples`` random images op by op.

    Layers draw their sparsity, scheme, bits and fraction bits; some rows are pruned whole, some channels are constant.
    """
    rng = np.random.default_rng(seed)
    draft = draft_package(rng, spec, f"random-{seed}")
    tensors = dict(draft.tensors)
    ops: list[Op] = []
    values = {"input": image_codes(draft, torch.from_numpy(random_images(seed + 1, samples, spec)))}
    package = Package(draft.network, tensors)
    for op in draft.network.ops:
        if isinstance(op, ConvOp | LinearOp | AttentionOp):
            values[op.name] = _tune(rng, package, tensors, op, values)
        else:
            if isinstance(op, SelectOp):
                op = unsaturated(package, op, values[op.input])
            values[op.name], _ = evaluate(package, op, values)
        ops.append(op)
    network = draft.network.model_copy(update={"ops": tuple(ops)})
    check(network, tensors)
    return Package(network, tensors)


def spikformer_384(
    sparsity: float = 0.94, seed: int = 0, keep: tuple[int, int, int] = (44, 31, 21), rate: float = 0.15
) -> Package:
    """A synthetic Spikformer-4-384 for 32x32x3 images: D 384, 12 heads, T 4, tokens 64 then ``keep``; 9.3 M weights.

    Thresholds by a rule in place of golden runs: inputs taken as independent with that rate.
    """
    rng = np.random.default_rng(seed)
    draft = draft_package(rng, spikformer_384_spec(sparsity, keep), "synthetic-spikformer-4-384")
    tensors = dict(draft.tensors)
    second_moment = {"input": float((tensors["input.table"].astype(np.float64) ** 2).mean())}
    ops: list[Op] = []
    for op in draft.network.ops:
        moments = [second_moment[name] for name in op.reads]
        second_moment[op.name] = rate
        if isinstance(op, AddOp):
            second_moment[op.name] = moments[0] + rate + 2 * rate * np.sqrt(moments[0])
        elif isinstance(op, SelectOp):
            second_moment[op.name] = moments[0]
            op = op.model_copy(update={"hidden": op.hidden.model_copy(update={"shift": op.hidden.fraction_bits + 1})})
        elif isinstance(op, AttentionOp):
            tensors[f"{op.name}.threshold"] = np.full_like(tensors[f"{op.name}.threshold"], 4)
        elif isinstance(op, ConvOp | LinearOp):
            values = weight_values(tensors[f"{op.name}.codes"], op.weights).astype(np.float64)
            deviation = np.sqrt((values.reshape(len(values), -1) ** 2).sum(axis=1) * moments[0])
            threshold = np.maximum(1, 1.2 * deviation * 2**op.neuron.fraction_bits)
            tensors[f"{op.name}.threshold"] = threshold.astype(np.int32)
            tensors[f"{op.name}.bias"] = (threshold * rng.normal(0, 0.2, len(threshold))).astype(np.int32)
        ops.append(op)
    network = draft.network.model_copy(update={"ops": tuple(ops)})
    check(network, tensors)
    return Package(network, tensors)


def spikformer_384_spec(sparsity: float = 0.94, keep: tuple[int, int, int] = (44, 31, 21)) -> NetworkSpec:
    """Shape of ``spikformer_384``."""
    return NetworkSpec(
        height=32,
        width=32,
        channels=3,
        dim=384,
        heads=12,
        depth=4,
        selectors=tuple(zip((1, 2, 3), keep, strict=True)),
        sparsity=sparsity,
    )


#: Least and greatest firing rate of a layer, by what reads it: convolutions under a pool fire less, because the OR of
#: nine fires more; q, k and v fire more, because their threefold product fires less.
_RATES = {"pool": (0.05, 0.15), "attention": (0.2, 0.4), "other": (0.08, 0.35)}


def _tune(
    rng: Rng,
    package: Package,
    tensors: dict[str, Array],
    op: ConvOp | LinearOp | AttentionOp,
    values: Mapping[str, torch.Tensor],
) -> torch.Tensor:
    """Set thresholds and biases of one op from its sums, a few channels constant; its spikes over the samples."""
    readers = {reader.kind for reader in package.network.ops if op.name in reader.reads}
    low, high = _RATES[next((kind for kind in ("pool", "attention") if kind in readers), "other")]
    a = sums(package, op, values).numpy()
    currents = (a.astype(np.float64) * 2**op.neuron.fraction_bits).reshape(-1, a.shape[-1])
    channels = currents.shape[1]
    deviation = np.maximum(currents.std(axis=0), 2.0**op.neuron.fraction_bits)
    bias = np.round(rng.normal(0, 0.4, channels) * deviation)
    targets = rng.uniform(low, high, channels)
    level = np.array([np.quantile(currents[:, c] + bias[c], 1 - targets[c]) for c in range(channels)])
    level = np.maximum(level, 0.3 * deviation)
    constant = rng.random(channels) < 0.03
    extreme = (2 * np.abs(currents).max(axis=0) + level + 1) * np.where(rng.random(channels) < 0.5, 1, -1)
    factor, lift = 1.0, 0.0
    for _ in range(16):
        shifted = np.where(constant, extreme, bias + lift * deviation)
        if not isinstance(op, AttentionOp):
            tensors[f"{op.name}.bias"] = np.clip(np.round(shifted), -(2**30), 2**30).astype(np.int32)
        tensors[f"{op.name}.threshold"] = np.clip(np.round(level * factor), 1, 2**30).astype(np.int32)
        spikes, _ = evaluate(package, op, values)
        rate = float(spikes.double().mean())
        if low <= rate <= high:
            break
        factor *= 0.7 if rate < low else 1.3
        lift += 0.1 if rate < low / 4 else 0.0
    return spikes


def unsaturated(package: Package, op: SelectOp, x: torch.Tensor) -> SelectOp:
    """The selector with the least shift that lets at most a few percent of its hidden sums saturate at 255."""
    for shift in range(32):
        op = op.model_copy(update={"hidden": op.hidden.model_copy(update={"shift": shift})})
        if float((hidden_activations(package, op, x) == 255).double().mean()) < 0.05:
            break
    return op
