"""Shrinks a failing graph: the smallest package found that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikewright.compiler.target.structure import Shape, Structure
from spikewright.errors import PlainError
from spikewright.models.package import (
    AddOp,
    AttentionOp,
    ConvOp,
    HeadOp,
    LinearOp,
    Network,
    Op,
    Package,
    PoolOp,
    SelectOp,
    check,
    tensor_specs,
)

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Case:
    """A network, images, and the engine on which it fails."""

    package: Package
    images: Array
    target: Shape | Structure


def shrink(case: Case, fails: Callable[[Case], bool], trials: int) -> Case:
    """The last of ever smaller cases that still fails.

    fails: in the way that counts; trials: how many cases are tried at most.
    """
    left = trials
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _candidates(case):
            left -= 1
            if left < 0:
                break
            if fails(candidate):
                case, smaller = candidate, True
                break
    return case


def _candidates(case: Case) -> Iterator[Case]:
    """Valid cases that are a step smaller, large steps first."""
    for network, images in _networks(case.package.network, case.images):
        if network == case.package.network and len(images) == len(case.images):
            continue
        if (package := _fitted(case.package, network)) is not None:
            yield Case(package, images, case.target)
    if isinstance(case.target, Shape):
        for shape in _shapes(case.target):
            yield Case(case.package, case.images, shape)


def _shapes(shape: Shape) -> Iterator[Shape]:
    """Shapes that differ in one number, which is smaller."""
    least = {"tokens": (2, 3, 4), "banks": (1, 2, 3), "steps": (2, 3, 4), "streams": (1,), "skip": (False,)}
    for name, numbers in least.items():
        for number in numbers:
            change: dict[str, Any] = {name: number}
            if number < getattr(shape, name) and (name != "banks" or number >= shape.streams):
                yield replace(shape, **change)


def _networks(network: Network, images: Array) -> Iterator[tuple[Network, Array]]:
    def changed(**update: Any) -> Network:
        return network.model_copy(update=update)

    ops, image = network.ops, network.input
    for source in (op.name for op in ops[:-1]):  # the head reads something earlier
        fewer = _read((*ops[:-1], ops[-1].model_copy(update={"input": source})))
        if len(fewer) < len(ops):
            yield changed(ops=fewer), images
    for op in reversed(ops[:-1]):
        for name in dict.fromkeys(op.reads):
            yield changed(ops=_renamed([kept for kept in ops if kept is not op], op.name, name)), images
    if len(images) > 1:
        for i in range(len(images)):
            yield network, images[i : i + 1]
    for steps in dict.fromkeys((1, 2, network.steps // 2, network.steps - 1)):
        if 1 <= steps < network.steps:
            yield changed(steps=steps), images[:, :steps] if image.frames else images
    for factor in (4, 2):
        yield changed(ops=tuple(_narrower(op, factor) for op in ops)), images
    for height, width in ((1, 1), (image.height // 2, image.width), (image.height, image.width // 2),
                          (image.height - 1, image.width), (image.height, image.width - 1)):  # fmt: skip
        if height >= 1 and width >= 1 and (height, width) != (image.height, image.width):
            size = image.model_copy(update={"height": height, "width": width})
            tokens = [op.model_copy(update={"keep": min(op.keep, height * width)}) if isinstance(op, SelectOp) else op
                      for op in ops]  # fmt: skip
            yield changed(input=size, ops=tuple(tokens)), images[..., :height, :width, :]
    if image.channels > 1:
        yield changed(input=image.model_copy(update={"channels": 1})), images[..., :1]
    for i, op in enumerate(ops):
        for smaller in _smaller(op):
            yield changed(ops=(*ops[:i], smaller, *ops[i + 1 :])), images


def _smaller(op: Op) -> Iterator[Op]:
    """One op with fewer channels, heads, tokens, or without a part."""
    changes: list[dict[str, Any]] = []
    if isinstance(op, ConvOp | LinearOp | HeadOp):
        changes += [{"channels": count} for count in dict.fromkeys((1, op.channels // 2, op.channels - 1))
                    if 1 <= count < op.channels]  # fmt: skip
    if isinstance(op, ConvOp) and op.shortcut is not None:
        changes.append({"shortcut": None})
    if isinstance(op, AddOp) and op.limit is not None:
        changes.append({"limit": None})
    if isinstance(op, AttentionOp) and op.heads > 1:
        changes.append({"heads": 1})
    if isinstance(op, SelectOp):
        changes += [{"keep": keep} for keep in dict.fromkeys((1, op.keep // 2)) if 1 <= keep < op.keep]
        if op.hidden.channels > 1:
            changes.append({"hidden": op.hidden.model_copy(update={"channels": 1})})
    for change in changes:
        yield op.model_copy(update=change)


def _narrower(op: Op, factor: int) -> Op:
    """The op with fewer channels by ``factor``, one head."""
    if isinstance(op, ConvOp | LinearOp):
        return op.model_copy(update={"channels": max(1, op.channels // factor)})
    return op.model_copy(update={"heads": 1}) if isinstance(op, AttentionOp) else op


def _renamed(ops: list[Op], old: str, new: str) -> tuple[Op, ...]:
    """The ops, reading ``new`` where they read ``old``."""

    def name(read: str) -> str:
        return new if read == old else read

    result: list[Op] = []
    for op in ops:
        if isinstance(op, AddOp):
            update: dict[str, Any] = {"inputs": (name(op.inputs[0]), name(op.inputs[1]))}
        elif isinstance(op, AttentionOp):
            update = {"query": name(op.query), "key": name(op.key), "value": name(op.value)}
        else:
            update = {"input": name(op.input)}
            if isinstance(op, ConvOp) and op.shortcut is not None:
                update["shortcut"] = op.shortcut.model_copy(update={"input": name(op.shortcut.input)})
        result.append(op.model_copy(update=update))
    return tuple(result)


def _read(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The ops that the head reads, through others or not."""
    needed: set[str] = {ops[-1].name}
    for op in reversed(ops):
        if op.name in needed:
            needed.update(op.reads)
    return tuple(op for op in ops if op.name in needed)


def _fitted(package: Package, network: Network) -> Package | None:
    """The package with that network, its tensors cut or repeated to fit; None where the network is not valid."""
    try:
        specs = tensor_specs(network)
        tensors = {}
        for name, spec in specs.items():
            old = package.tensors[name]
            shape = spec.shapes[-1] if old.shape[:1] == (1,) and len(spec.shapes) > 1 else spec.shapes[0]
            tensors[name] = np.ascontiguousarray(
                old[np.ix_(*(np.arange(want) % have for want, have in zip(shape, old.shape, strict=True)))]
            )
        check(network, tensors)
    except (PlainError, KeyError):
        return None
    return Package(network, tensors)


def size_of(package: Package) -> str:
    """How large a package is, in words."""
    network = package.network
    image, pools = network.input, sum(isinstance(op, PoolOp) for op in network.ops)
    return (
        f"{len(network.ops)} ops ({pools} pools), {network.steps} steps, "
        f"image {image.height}x{image.width}x{image.channels}"
    )
