"""Checks of a network beyond its JSON schema: how its ops fit together, and that no value is beyond all measure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.echo import quoted, shown
from spikewright.errors import PlainError
from spikewright.models.package_limits import PIXELS, VALUE, WEIGHTS
from spikewright.models.package_schema import (
    IMAGE,
    AddOp,
    AttentionOp,
    ConvOp,
    HeadOp,
    LinearOp,
    Network,
    Op,
    PoolOp,
    SelectOp,
)

Array = np.ndarray


class PackageError(PlainError):
    """A package is refused; the text is one sentence: where, what, what is allowed."""


@dataclass(frozen=True)
class ValueShape:
    """Logical shape [T, tokens, channels] of a value; grid is (rows, columns) or None; spikes are 0 or 1."""

    tokens: int
    channels: int
    grid: tuple[int, int] | None
    is_spikes: bool


def shapes(network: Network) -> dict[str, ValueShape]:
    """Shape of the image (``input``) and of every op's value but the head's; PackageError where ops do not fit."""
    image = network.input
    if image.height * image.width > PIXELS:
        raise PackageError(
            f"network.input: {image.height} x {image.width} are {image.height * image.width} pixels; allowed are at "
            f"most {PIXELS}"
        )
    values = {IMAGE: ValueShape(image.height * image.width, image.channels, (image.height, image.width), False)}
    _check_size(network, IMAGE, values[IMAGE])
    ops: dict[str, Op] = {}
    selected: int | None = None  # tokens left by the last selector
    weights = 0
    for index, op in enumerate(network.ops):
        if op.name in ops:
            raise _fault(op, "the name is used twice; each op has a name of its own")
        ops[op.name] = op
        if isinstance(op, HeadOp) != (index == len(network.ops) - 1):
            raise _fault(op, "a head is the last op, and the last op is a head")
        for name in op.reads:
            _check_read(op, name, values, selected)
        if isinstance(op, AddOp) and not isinstance(ops[op.inputs[1]], ConvOp | PoolOp | LinearOp):
            raise _fault(op, f"{quoted(op.inputs[1])} must be spikes made by a conv, pool or linear")
        inputs = [values[name] for name in op.reads]
        shape = _shape(op, inputs)
        _check_size(network, op.name, shape)
        weights += _weights(op, inputs)
        if weights > WEIGHTS:
            raise _fault(op, f"up to here there are {weights} weights; allowed are {WEIGHTS}")
        if isinstance(op, SelectOp):
            selected = op.keep
        if not isinstance(op, HeadOp):
            values[op.name] = shape
    if network.output != network.ops[-1].name:
        raise PackageError(
            f"output {quoted(network.output)}: must be the head, the last op ({quoted(network.ops[-1].name)})"
        )
    return values


def _check_size(network: Network, name: str, shape: ValueShape) -> None:
    steps = 1 if name == IMAGE and not network.input.frames else network.steps
    size = steps * shape.tokens * shape.channels
    if size > VALUE:
        raise PackageError(
            f"value {quoted(name)}: {steps} steps of {shape.tokens} tokens of {shape.channels} channels are {size} "
            f"integers; allowed are at most {VALUE}"
        )


def _weights(op: Op, inputs: list[ValueShape]) -> int:
    """Weights of an op, those of its shortcut included."""
    channels = inputs[0].channels
    if isinstance(op, ConvOp):
        return op.channels * (9 * channels + sum(shape.channels for shape in inputs[1:]))
    if isinstance(op, LinearOp | HeadOp):
        return op.channels * channels
    return op.hidden.channels * (channels + 1) if isinstance(op, SelectOp) else 0


def _fault(op: Op, text: str) -> PackageError:
    return PackageError(f"op {quoted(op.name)}: {text}")


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _check_read(op: Op, name: str, values: Mapping[str, ValueShape], selected: int | None) -> None:
    if name not in values:
        made = shown(", ".join(values))
        raise _fault(op, f"reads {quoted(name)}, which no earlier op makes; made: {made}")
    if name == IMAGE and not isinstance(op, ConvOp):
        raise _fault(op, f"{_article(op.kind)} cannot read the image; only a conv can")
    if selected is not None and values[name].tokens != selected:
        raise _fault(
            op,
            f"reads {quoted(name)} with {values[name].tokens} tokens after a selector kept {selected}; "
            "every op after a selector reads values with the new token count",
        )


def _spikes(op: Op, shape: ValueShape, name: str) -> None:
    if not shape.is_spikes:
        raise _fault(op, f"{quoted(name)} must be spikes (values 0 or 1)")


def _shape(op: Op, inputs: list[ValueShape]) -> ValueShape:
    first = inputs[0]
    # attention's values may be narrower than its queries, and so may a shortcut's input
    bound = 2 if isinstance(op, AttentionOp) else 1 if isinstance(op, ConvOp) else len(inputs)
    for place, (name, shape) in enumerate(zip(op.reads, inputs, strict=True)):
        grids = {shape.grid, first.grid} - {None}
        channels = shape.channels if place < bound else first.channels
        if (shape.tokens, channels) != (first.tokens, first.channels) or len(grids) > 1:
            raise _fault(
                op,
                f"{quoted(op.reads[0])} and {quoted(name)} differ in shape, {_words(first)} against "
                f"{_words(shape)}; they must be equal",
            )
    if isinstance(op, ConvOp):
        if first.grid is None:
            raise _fault(op, f"{quoted(op.input)} has no grid; a conv reads the image, conv, pool or add")
        if op.shortcut is not None and op.shortcut.through == "gain" and inputs[1].channels != op.channels:
            raise _fault(
                op,
                f"a shortcut by a gain needs {op.channels} channels; {quoted(op.shortcut.input)} has "
                f"{inputs[1].channels}",
            )
        return ValueShape(first.tokens, op.channels, first.grid, True)
    if isinstance(op, PoolOp):
        _spikes(op, first, op.input)
        if first.grid is None or first.grid[0] % 2 or first.grid[1] % 2:
            has = "no grid" if first.grid is None else f"one of {first.grid[0]}x{first.grid[1]}"
            raise _fault(op, f"a pool needs a grid of even height and width; {quoted(op.input)} has {has}")
        height, width = first.grid[0] // 2, first.grid[1] // 2
        return ValueShape(height * width, first.channels, (height, width), op.function == "or")
    if isinstance(op, AddOp):
        _spikes(op, inputs[1], op.inputs[1])
        grid = first.grid if inputs[1].grid else None
        return ValueShape(first.tokens, first.channels, grid, False)
    if isinstance(op, LinearOp):
        return ValueShape(first.tokens, op.channels, None, True)
    if isinstance(op, AttentionOp):
        for name, shape in zip(op.reads, inputs, strict=True):
            _spikes(op, shape, name)
        for shape in inputs:
            if shape.channels % op.heads:
                raise _fault(op, f"{quoted(op.heads)} heads do not divide {shape.channels} channels")
        return ValueShape(first.tokens, inputs[2].channels, None, True)
    if isinstance(op, SelectOp):
        if op.keep > first.tokens:
            raise _fault(op, f"keeps {quoted(op.keep)} tokens; its input has {first.tokens}")
        return ValueShape(op.keep, first.channels, None, first.is_spikes)
    return ValueShape(1, op.channels, None, False)


def _words(shape: ValueShape) -> str:
    grid = f" on a {shape.grid[0]}x{shape.grid[1]} grid" if shape.grid else ""
    return f"{shape.tokens} tokens of {shape.channels} channels{grid}"
