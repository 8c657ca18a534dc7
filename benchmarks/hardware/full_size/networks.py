"""Networks of the sizes that the four papers publish, as recipes; what they are drawn and run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from spikewright.models.data.codes import count_table, input_table
from spikewright.models.data.digits import native_digits
from spikewright.models.data.event_camera import record
from spikewright.models.formats.events import to_frames

Images = NDArray[np.uint8]

#: On how many of the images that run norms are calibrated, at most: no accuracy is claimed, but layers are to fire.
CALIBRATION = 4
_SEED = 7


@dataclass(frozen=True)
class FullSize:
    """A network of a published size.

    recipe: what it is compressed to; its ``data`` is not read
    images: so many images, by number
    run: how many of them go through RTL
    """

    recipe: str
    images: Callable[[int], Images]
    run: int = 1

    def table(self, images: Images) -> NDArray[np.int16]:
        """Codes of bytes, int16 [C, 256], from the images that it is calibrated on."""
        return count_table(images.shape[-1], bits=8) if images.ndim == 5 else input_table(images)


def patches(side: int) -> Callable[[int], Images]:
    """Square patches of scikit-learn's two natural photographs, uint8 [n, side, side, 3], by a fixed seed."""

    def cut(count: int) -> Images:
        photographs = load_sample_images().images
        rng = np.random.default_rng([_SEED, side])
        found = []
        for number in range(count):
            whole = photographs[number % len(photographs)]
            row, column = (int(rng.integers(size - side + 1)) for size in whole.shape[:2])
            found.append(whole[row : row + side, column : column + side])
        return np.stack(found)

    return cut


def event_digits(side: int, steps: int) -> Callable[[int], Images]:
    """Digits as an event camera of that many pixels sees them, uint8 [n, steps, side, side, 2]."""

    def see(count: int) -> Images:
        native, scale = native_digits()[0][:count], side // 13
        margin = (side - 8 * scale) // 2
        rest = side - 8 * scale - margin
        large = native.repeat(scale, axis=1).repeat(scale, axis=2)
        pictures = np.pad(large, ((0, 0), (margin, rest), (margin, rest)))
        return np.stack([to_frames(events, steps) for events in record(pictures)])

    return see


_CIFAR = "height: 32, width: 32, channels: 3, classes: 10"
_SPIKFORMER = f"{_CIFAR}, steps: 4, dim: 384, depth: 4, heads: 12, mlp_ratio: 4, pools: [3, 4]"
#: 3.4 bits on average.
_MIXED = '{layers: {"*": {scheme: pot, bits: 4}, "*.mlp.*": {scheme: uniform, bits: 3}}}'


def _recipe(model: str, constraints: str, quantisers: str = _MIXED) -> str:
    return (
        f"data: digits\nseed: 1\nmodel: {{{model}}}\nconstraints:\n"
        + "".join(f"  {line}\n" for line in constraints.splitlines())
        + f"  quantisers: {quantisers}\n"
    )


def _guided(model: str) -> str:
    """Paper 4's strongest compression, 33.4 times fewer weights, with thresholds and leaks that are learned."""
    return _recipe(
        model,
        "masks: {method: attention-guided, sparsity: 0.97006, leak: 1.0, surrogate: flat-triangle}",
        '{layers: {"*": {scheme: uniform, bits: 4}}}',
    )


NETWORKS = {
    "spikformer-4-384": FullSize(
        _recipe(_SPIKFORMER, "tokens: {keep: 0.7, before: [1, 2, 3]}\nmasks: {sparsity: 0.94, rounds: 10}"),
        patches(32),
        run=8,
    ),
    "spikformer-4-384-all-tokens": FullSize(
        _recipe(_SPIKFORMER, "masks: {sparsity: 0.9, rounds: 8}"),
        patches(32),
    ),
    "spikformer-4-384-dsp-slif": FullSize(
        _recipe(_SPIKFORMER, "structure: {method: dsp, qk: 0.5, v: 0.5, hidden: 0.5}\nneuron: {kind: slif}"),
        patches(32),
    ),
    "spikformer-8-512": FullSize(
        _recipe(
            "height: 224, width: 224, channels: 3, classes: 1000, steps: 4, dim: 512, depth: 8, heads: 8, "
            "mlp_ratio: 4, pools: [1, 2, 3, 4]",
            "masks: {sparsity: 0.94, rounds: 10}",
        ),
        patches(224),
        run=8,
    ),
    "spikformer-2-256-dvs": FullSize(
        _recipe(
            "height: 128, width: 128, channels: 2, classes: 11, steps: 16, dim: 256, depth: 2, heads: 16, "
            "mlp_ratio: 4, pools: [1, 2, 3, 4], layout: conv1d, attention_scale: 0.25",
            "masks: {sparsity: 0.9, rounds: 8}",
        ),
        event_digits(128, 16),
    ),
    "vgg-16-32": FullSize(_guided(f"family: vgg, depth: 16, {_CIFAR}, steps: 4"), patches(32)),
    "vgg-16-64": FullSize(
        _guided("family: vgg, depth: 16, height: 64, width: 64, channels: 3, classes: 200, steps: 4"), patches(64)
    ),
    "resnet-18-32": FullSize(_guided(f"family: resnet, depth: 18, {_CIFAR}, steps: 4"), patches(32)),
}
