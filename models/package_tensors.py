"""The tensors of a package: what each must look like, and whether they are so."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.echo import quoted
from spikewright.models.package_check import Array, PackageError, shapes
from spikewright.models.package_limits import RECORD
from spikewright.models.package_range import check_range
from spikewright.models.package_schema import AttentionOp, ConvOp, HeadOp, LinearOp, Network, SelectOp, WeightFormat

RECORDS = ("record.labels", "record.float", "record.quantised")


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
            raise PackageError(f"tensor {quoted(name)}: two parts of the network claim this name; rename one op")
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
        head = network.ops[-1]
        assert isinstance(head, HeadOp)
        specs |= {name: TensorSpec("int16", ((-1,),), 0, head.channels - 1) for name in RECORDS}
    for name in specs:
        if name not in tensors:
            why = "a record has all three of its tensors" if name in RECORDS else "the network needs it"
            raise PackageError(f"tensor {quoted(name)}: missing; {why}")
    for name in tensors:
        if name not in specs:
            raise PackageError(
                f"tensor {quoted(name)}: the network has no use for it; only tensors it names are allowed"
            )
    for name, spec in specs.items():
        _check_tensor(name, spec, tensors[name])
    lengths = {name: len(tensors[name]) for name in records}
    if len(set(lengths.values())) > 1:
        raise PackageError(f"record: its tensors must have one length, not {lengths}")
    if records and not 1 <= len(tensors[records[0]]) <= RECORD:
        raise PackageError(f"record: of {len(tensors[records[0]])} images; allowed are 1 to {RECORD}")
    check_range(network, tensors)


def _check_tensor(name: str, spec: TensorSpec, tensor: Array) -> None:
    if str(tensor.dtype) != spec.dtype:
        raise PackageError(f"tensor {quoted(name)}: has dtype {tensor.dtype}; allowed is {spec.dtype}")
    fits = [
        len(shape) == tensor.ndim and all(want in (-1, have) for want, have in zip(shape, tensor.shape, strict=True))
        for shape in spec.shapes
    ]
    if not any(fits):
        allowed = " or ".join(str(list(shape)).replace("-1", "n") for shape in spec.shapes)
        raise PackageError(f"tensor {quoted(name)}: has shape {list(tensor.shape)}; allowed is {allowed}")
    if spec.dtype == "float32" and not np.isfinite(tensor).all():
        raise PackageError(f"tensor {quoted(name)}: holds a value that is not finite")
    for bound, wrong, word in ((spec.low, np.less, "at least"), (spec.high, np.greater, "at most")):
        if bound is not None and (bad := np.argwhere(wrong(tensor, bound))).size:
            where = tuple(int(i) for i in bad[0])
            raise PackageError(
                f"tensor {quoted(name)}: {int(tensor[where])} at {list(where)} is out of range; allowed is "
                f"{word} {bound}"
            )
