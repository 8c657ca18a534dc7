"""Checks of a package beyond its JSON schema: how ops fit together, and every tensor."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.errors import PlainError
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
    WeightFormat,
)

Array = np.ndarray
RECORDS = ("record.labels", "record.float", "record.quantised")


class PackageError(PlainError):
    """A package is refused; the text is one sentence: where, what, what is allowed."""


@dataclass(frozen=True)
class ValueShape:
    """Logical shape [T, tokens, channels] of a value; grid is (height, width) or None; spikes are 0 or 1."""

    tokens: int
    channels: int
    grid: tuple[int, int] | None
    is_spikes: bool


def shapes(network: Network) -> dict[str, ValueShape]:
    """Shape of the image (``input``) and of every op's value but the head's; PackageError where ops do not fit."""
    image = network.input
    values = {IMAGE: ValueShape(image.height * image.width, image.channels, (image.height, image.width), False)}
    seen = {IMAGE}
    selected: int | None = None  # tokens left by the last selector
    for index, op in enumerate(network.ops):
        if op.name in seen:
            raise PackageError(f"op {op.name!r}: the name is used twice; each op has a name of its own")
        seen.add(op.name)
        if isinstance(op, HeadOp) != (index == len(network.ops) - 1):
            raise PackageError(f"op {op.name!r}: a head is the last op, and the last op is a head")
        for name in op.reads:
            _check_read(op, name, values, selected)
        if isinstance(op, AddOp) and not isinstance(network.op(op.inputs[1]), ConvOp | PoolOp | LinearOp):
            raise PackageError(f"op {op.name!r}: {op.inputs[1]!r} must be spikes made by a conv, pool or linear")
        shape = _shape(op, [values[name] for name in op.reads])
        if isinstance(op, SelectOp):
            selected = op.keep
        if not isinstance(op, HeadOp):
            values[op.name] = shape
    if network.output != network.ops[-1].name:
        raise PackageError(f"output {network.output!r}: must be the head, the last op ({network.ops[-1].name!r})")
    return values


def _check_read(op: Op, name: str, values: Mapping[str, ValueShape], selected: int | None) -> None:
    if name not in values:
        raise PackageError(f"op {op.name!r}: reads {name!r}, which no earlier op makes; made: {', '.join(values)}")
    if name == IMAGE and not isinstance(op, ConvOp):
        raise PackageError(f"op {op.name!r}: a {op.kind} cannot read the image; only a conv can")
    if selected is not None and values[name].tokens != selected:
        raise PackageError(
            f"op {op.name!r}: reads {name!r} with {values[name].tokens} tokens after a selector kept {selected}; "
            "every op after a selector reads values with the new token count"
        )


def _spikes(op: Op, shape: ValueShape, name: str) -> None:
    if not shape.is_spikes:
        raise PackageError(f"op {op.name!r}: {name!r} must be spikes (values 0 or 1)")


def _shape(op: Op, inputs: list[ValueShape]) -> ValueShape:
    first = inputs[0]
    # attention's values may be narrower than its queries, and so may a shortcut's input
    bound = 2 if isinstance(op, AttentionOp) else 1 if isinstance(op, ConvOp) else len(inputs)
    for place, (name, shape) in enumerate(zip(op.reads, inputs, strict=True)):
        grids = {shape.grid, first.grid} - {None}
        channels = shape.channels if place < bound else first.channels
        if (shape.tokens, channels) != (first.tokens, first.channels) or len(grids) > 1:
            raise PackageError(
                f"op {op.name!r}: {op.reads[0]!r} and {name!r} differ in shape, {_words(first)} against "
                f"{_words(shape)}; they must be equal"
            )
    if isinstance(op, ConvOp):
        if first.grid is None:
            raise PackageError(f"op {op.name!r}: {op.input!r} has no grid; a conv reads the image, conv, pool or add")
        if op.shortcut is not None and op.shortcut.through == "gain" and inputs[1].channels != op.channels:
            raise PackageError(
                f"op {op.name!r}: a shortcut by a gain needs {op.channels} channels; {op.shortcut.input!r} has "
                f"{inputs[1].channels}"
            )
        return ValueShape(first.tokens, op.channels, first.grid, True)
    if isinstance(op, PoolOp):
        _spikes(op, first, op.input)
        if first.grid is None or first.grid[0] % 2 or first.grid[1] % 2:
            raise PackageError(f"op {op.name!r}: a pool needs a grid of even height and width, not {first.grid}")
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
                raise PackageError(f"op {op.name!r}: {op.heads} heads do not divide {shape.channels} channels")
        return ValueShape(first.tokens, inputs[2].channels, None, True)
    if isinstance(op, SelectOp):
        if op.keep > first.tokens:
            raise PackageError(f"op {op.name!r}: keeps {op.keep} tokens; its input has {first.tokens}")
        return ValueShape(op.keep, first.channels, None, first.is_spikes)
    return ValueShape(1, op.channels, None, False)


def _words(shape: ValueShape) -> str:
    grid = f" on a {shape.grid[0]}x{shape.grid[1]} grid" if shape.grid else ""
    return f"{shape.tokens} tokens of {shape.channels} channels{grid}"


@dataclass(frozen=True)
class TensorSpec:
    """dtype, allowed shapes (-1: any size), least and greatest value (None: unbounded) of one tensor."""

    dtype: str
    shapes: tuple[tuple[int, ...], ...]
    low: int | None = None
    high: int | None = None


def tensor_specs(network: Network) -> dict[str, TensorSpec]:
    """What every tensor the network needs must look like; PackageError where two ops claim one tensor name."""
    values = shapes(network)
    low, high = network.input.code_range
    specs = {"input.table": TensorSpec("int16", ((network.input.channels, 256),), low, high)}

    def put(name: str, spec: TensorSpec) -> None:
        if name in specs or name in RECORDS:
            raise PackageError(f"tensor {name!r}: two parts of the network claim this name; rename one op")
        specs[name] = spec

    def weights(name: str, form: WeightFormat, shape: tuple[int, ...]) -> None:
        put(f"{name}.codes", TensorSpec("int8", (shape,), -form.max_code, form.max_code))
        put(f"{name}.scale", TensorSpec("float32", ((shape[0],), (1,)) if shape[0] > 1 else ((1,),)))

    for op in network.ops:
        channels = values[op.reads[0]].channels
        if isinstance(op, ConvOp | LinearOp | HeadOp):
            weights(op.name, op.weights, (op.channels, channels) + ((3, 3) if isinstance(op, ConvOp) else ()))
        if isinstance(op, ConvOp | LinearOp | AttentionOp):
            out = values[op.name].channels
            bound = 0 if isinstance(op, AttentionOp) else None
            put(f"{op.name}.threshold", TensorSpec("int32", ((out,),), 1))
            put(f"{op.name}.bias", TensorSpec("int32", ((out,),), bound, bound))
            if op.neuron.leak is None:
                put(f"{op.name}.leak", TensorSpec("int8", ((out,),), 0, 16))
        if isinstance(op, ConvOp) and op.shortcut is not None:
            form, inputs = op.shortcut.weights, values[op.shortcut.input].channels
            if form is None:
                put(f"{op.name}.shortcut.gain", TensorSpec("int32", ((op.channels,),)))
            else:
                spec = TensorSpec("int8", ((op.channels, inputs),), -form.max_code, form.max_code)
                put(f"{op.name}.shortcut.codes", spec)
        if isinstance(op, HeadOp):
            put(f"{op.name}.bias", TensorSpec("int32", ((op.channels,),)))
        if isinstance(op, SelectOp):
            weights(f"{op.name}.hidden", op.hidden.weights, (op.hidden.channels, channels))
            put(f"{op.name}.hidden.bias", TensorSpec("int32", ((op.hidden.channels,),)))
            weights(f"{op.name}.score", op.score.weights, (1, op.hidden.channels))
            put(f"{op.name}.score.bias", TensorSpec("int32", ((1,),)))
    return specs


def weight_formats(network: Network) -> dict[str, WeightFormat]:
    """Format of every weight tensor of the ops' own, by the tensor's name; shortcuts are not among them."""
    formats: dict[str, WeightFormat] = {}
    for op in network.ops:
        if isinstance(op, SelectOp):
            formats |= {f"{op.name}.hidden.codes": op.hidden.weights, f"{op.name}.score.codes": op.score.weights}
        elif isinstance(op, ConvOp | LinearOp | HeadOp):
            formats[f"{op.name}.codes"] = op.weights
    return formats


def check(network: Network, tensors: Mapping[str, Array]) -> None:
    """Every tensor there, with its dtype, shape and range, and no other; PackageError otherwise."""
    specs = tensor_specs(network)
    records = [name for name in RECORDS if name in tensors]
    if records:
        specs |= {name: TensorSpec("int16", ((-1,),)) for name in RECORDS}
    for name in specs:
        if name not in tensors:
            why = "a record has all three of its tensors" if name in RECORDS else "the network needs it"
            raise PackageError(f"tensor {name!r}: missing; {why}")
    for name in tensors:
        if name not in specs:
            raise PackageError(f"tensor {name!r}: the network has no use for it; only tensors it names are allowed")
    for name, spec in specs.items():
        _check_tensor(name, spec, tensors[name])
    lengths = {name: len(tensors[name]) for name in records}
    if len(set(lengths.values())) > 1:
        raise PackageError(f"record: its tensors must have one length, not {lengths}")


def _check_tensor(name: str, spec: TensorSpec, tensor: Array) -> None:
    if str(tensor.dtype) != spec.dtype:
        raise PackageError(f"tensor {name!r}: has dtype {tensor.dtype}; allowed is {spec.dtype}")
    fits = [
        len(shape) == tensor.ndim and all(want in (-1, have) for want, have in zip(shape, tensor.shape, strict=True))
        for shape in spec.shapes
    ]
    if not any(fits):
        allowed = " or ".join(str(list(shape)).replace("-1", "n") for shape in spec.shapes)
        raise PackageError(f"tensor {name!r}: has shape {list(tensor.shape)}; allowed is {allowed}")
    if spec.dtype == "float32" and not np.isfinite(tensor).all():
        raise PackageError(f"tensor {name!r}: holds a value that is not finite")
    for bound, wrong, word in ((spec.low, np.less, "at least"), (spec.high, np.greater, "at most")):
        if bound is not None and (bad := np.argwhere(wrong(tensor, bound))).size:
            where = tuple(int(i) for i in bad[0])
            raise PackageError(
                f"tensor {name!r}: {int(tensor[where])} at {list(where)} is out of range; allowed is {word} {bound}"
            )
