"""A package executed op by op: every value of every step."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikewright.errors import PlainError
from spikewright.models.package import (
    IMAGE,
    AddOp,
    AttentionOp,
    ConvOp,
    HeadOp,
    LinearOp,
    Op,
    Package,
    PoolOp,
    SelectOp,
    WeightFormat,
    shapes,
    weight_values,
)
from spikewright.sim.golden import exact


class GoldenError(PlainError):
    """Images do not fit the network; the text is one sentence."""


@dataclass(frozen=True, eq=False)
class Trace:
    """What a network did: integers by op name.

    values: [B, T, N, C], int8 for spikes, int32 for other integers. kept: int64 [B, keep], the tokens each selector
    left, ascending, as indices into its input. scores: int64 [B, classes]. classes: int64 [B], first argmax.
    """

    values: dict[str, Tensor]
    kept: dict[str, Tensor]
    scores: Tensor
    classes: Tensor


def run(package: Package, images: np.ndarray | Tensor, batch: int = 32, keep_values: bool = True) -> Trace:
    """Run uint8 images [B, height, width, channels], or frames [B, T, height, ...]; GoldenError if they do not fit.

    batch: images at a time; keep_values: False leaves ``Trace.values`` empty, for accuracy over many images.
    """
    pixels, want = torch.as_tensor(images), package.network.image_shape
    if pixels.dtype != torch.uint8 or tuple(pixels.shape[1:]) != want:
        raise GoldenError(
            f"images: {pixels.dtype} {list(pixels.shape)} do not fit; allowed is uint8 [B, {', '.join(map(str, want))}]"
        )
    if not len(pixels):
        raise GoldenError("images: there is none; at least one is needed")
    values: dict[str, list[Tensor]] = {}
    kept: dict[str, list[Tensor]] = {}
    scores: list[Tensor] = []
    value_shapes = shapes(package.network)
    for part in torch.split(pixels, batch):
        current: dict[str, Tensor] = {IMAGE: image_codes(package, part)}
        for op in package.network.ops:
            result, selected = evaluate(package, op, current)
            if isinstance(op, HeadOp):
                scores.append(result)
                continue
            current[op.name] = result
            if selected is not None:
                kept.setdefault(op.name, []).append(selected)
            if keep_values:
                narrow = torch.int8 if value_shapes[op.name].is_spikes else torch.int32
                values.setdefault(op.name, []).append(result.to(narrow))
    final = torch.cat(scores)
    first_argmax = torch.from_numpy(final.numpy().argmax(axis=1))  # numpy promises the first, torch does not
    return Trace(
        {name: torch.cat(parts) for name, parts in values.items()},
        {name: torch.cat(parts) for name, parts in kept.items()},
        final,
        first_argmax,
    )


def image_codes(package: Package, pixels: Tensor) -> Tensor:
    """Codes int64 [B, 1, H*W, C] of uint8 images [B, H, W, C], [B, T, H*W, C] of frames [B, T, H, W, C]."""
    table = torch.from_numpy(package.tensors["input.table"].astype(np.int64))
    codes = torch.stack([table[c][pixels[..., c].long()] for c in range(len(table))], dim=-1)
    return (codes if package.network.input.frames else codes.unsqueeze(1)).flatten(2, 3)


def evaluate(package: Package, op: Op, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Result of one op (int64 [B, T, N, C]; head: scores [B, classes]) and, for a selector, the tokens it kept."""
    x = values[op.reads[0]]
    if isinstance(op, ConvOp | LinearOp | AttentionOp):
        threshold, bias = _vector(package, f"{op.name}.threshold"), _vector(package, f"{op.name}.bias")
        leaks = _vector(package, f"{op.name}.leak") if op.neuron.leak is None else None
        return exact.fire(sums(package, op, values), op.neuron, threshold, bias, package.network.steps, leaks), None
    if isinstance(op, PoolOp):
        grid = shapes(package.network)[op.input].grid
        assert grid is not None
        return (exact.pool if op.function == "or" else exact.count_pool)(x, grid), None
    if isinstance(op, AddOp):
        total = x + values[op.inputs[1]]
        return (total if op.limit is None else total.clamp(max=op.limit)), None
    if isinstance(op, SelectOp):
        order = torch.sort(selector_scores(package, op, x), dim=1, descending=True, stable=True).indices
        selected = order[:, : op.keep].sort(dim=1).values
        index = selected[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3])
        return x.gather(2, index), selected
    weights = _weights(package, op.name, op.weights)
    scores = exact.linear(x, weights) * 2**op.fraction_bits + _vector(package, f"{op.name}.bias")
    return scores.sum(dim=(1, 2)), None


def sums(package: Package, op: ConvOp | LinearOp | AttentionOp, values: Mapping[str, Tensor]) -> Tensor:
    """The integer sums a[b, t, n, c] before the neuron; one step where the image is read."""
    x = values[op.reads[0]]
    if isinstance(op, AttentionOp):
        return exact.attention(x, values[op.key], values[op.value], op.heads)
    weights = _weights(package, op.name, op.weights)
    if isinstance(op, LinearOp):
        return exact.linear(x, weights)
    grid = shapes(package.network)[op.input].grid
    assert grid is not None
    result = exact.conv(x, weights, grid)
    if op.shortcut is None:
        return result
    shortcut = values[op.shortcut.input]
    if op.shortcut.weights is None:
        return result + shortcut * _vector(package, f"{op.name}.shortcut.gain")
    return result + exact.linear(shortcut, _weights(package, f"{op.name}.shortcut", op.shortcut.weights))


def hidden_activations(package: Package, op: SelectOp, x: Tensor) -> Tensor:
    """Hidden activations h[b, n, j], 0 to 255, of a selector that reads x [B, T, N, C]."""
    first = _weights(package, f"{op.name}.hidden", op.hidden.weights)
    steps = exact.linear(x, first) * 2**op.hidden.fraction_bits + _vector(package, f"{op.name}.hidden.bias")
    rectified = steps.sum(dim=1).clamp(min=0)
    return torch.div(rectified, 2**op.hidden.shift, rounding_mode="floor").clamp(max=255)


def selector_scores(package: Package, op: SelectOp, x: Tensor) -> Tensor:
    """Scores z[b, n] of the tokens of x [B, T, N, C]."""
    second = _weights(package, f"{op.name}.score", op.score.weights)
    scores = exact.linear(hidden_activations(package, op, x), second)[..., 0] * (1 << op.score.fraction_bits)
    return scores + _vector(package, f"{op.name}.score.bias")


def _vector(package: Package, name: str) -> Tensor:
    return torch.from_numpy(package.tensors[name].astype(np.int64))


def _weights(package: Package, name: str, form: WeightFormat) -> Tensor:
    return torch.from_numpy(weight_values(package.tensors[f"{name}.codes"], form))
