"""The reference package with one feature more, its weights the same: what the feature costs in cycles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikewright.models.package import AddOp, ConvOp, HeadOp, Op, Package, PoolOp, check
from spikewright.models.package_schema import Compare, Reset, ShortcutFormat

#: What a package's image has otherwise, its ops, its tensors.
Parts = tuple[dict[str, Any], tuple[Op, ...], dict[str, np.ndarray]]
Edit = Callable[[Package], Parts]


def with_feature(package: Package, flag: str) -> Package:
    """The package with the feature of a flag, wherever it can have it.

    Other weights than a network with the feature would be trained to: for cycles, no more.
    """
    image, ops, tensors = VARIANTS[flag](package)
    network = package.network.model_copy(update={"input": package.network.input.model_copy(update=image), "ops": ops})
    check(network, tensors)
    return Package(network, tensors)


def with_neurons(package: Package, **update: Any) -> Parts:
    """Fields of the neurons of every op as given."""
    ops = tuple(
        op.model_copy(update={"neuron": op.neuron.model_copy(update=update)}) if hasattr(op, "neuron") else op
        for op in package.network.ops
    )
    return {}, ops, dict(package.tensors)


def _leaks(package: Package) -> Parts:
    image, ops, tensors = with_neurons(package, leak=None)
    rng = np.random.default_rng(1)
    for op in ops:
        if hasattr(op, "neuron"):
            tensors[f"{op.name}.leak"] = rng.integers(0, 17, len(tensors[f"{op.name}.threshold"])).astype(np.int8)
    return image, ops, tensors


def _ops(package: Package, kind: type, **update: Any) -> Parts:
    ops = tuple(op.model_copy(update=update) if isinstance(op, kind) else op for op in package.network.ops)
    return {}, ops, dict(package.tensors)


def _shortcut(package: Package) -> Parts:
    """The convolution behind the last pool adds what it reads, by a gain of two digits."""
    last = [op for op in package.network.ops if isinstance(op, ConvOp)][-1]
    branch = ShortcutFormat(input=last.input, through="gain")
    ops = tuple(op.model_copy(update={"shortcut": branch}) if op is last else op for op in package.network.ops)
    gain = np.full(last.channels, 5, np.int32)
    return {}, ops, dict(package.tensors) | {f"{last.name}.shortcut.gain": gain}


def _frames(package: Package) -> Parts:
    return {"frames": True}, package.network.ops, dict(package.tensors)


VARIANTS: dict[str, Edit] = {
    "soft_reset": lambda package: with_neurons(package, reset=Reset.SOFT),
    "strict_compare": lambda package: with_neurons(package, compare=Compare.GT),
    "leaks": _leaks,
    "second": _shortcut,
    "limited": lambda package: _ops(package, AddOp, limit=3),
    "frames": _frames,
    "counting": lambda package: _ops(package, PoolOp, function="count"),
    "wide_scores": lambda package: _ops(package, HeadOp, fraction_bits=20),
}
