"""The model package: one safetensors file with a network of integers (docs/package.md).

Reading needs neither PyTorch, nor the training code, nor the compiler.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from pydantic import ValidationError
from safetensors.numpy import save

from spikewright.files import write_whole
from spikewright.models.package_check import (
    RECORDS,
    Array,
    PackageError,
    TensorSpec,
    ValueShape,
    check,
    shapes,
    tensor_specs,
    weight_formats,
)
from spikewright.models.package_schema import (
    FORMAT,
    IMAGE,
    VERSION,
    AddOp,
    AttentionOp,
    Compare,
    ConvOp,
    HeadOp,
    HiddenLayer,
    ImageFormat,
    LinearOp,
    Network,
    NeuronFormat,
    Op,
    PoolOp,
    Reset,
    Scheme,
    ScoreLayer,
    SelectOp,
    WeightFormat,
)
from spikewright.models.packing import packed, unpacked

__all__ = [
    "FORMAT",
    "IMAGE",
    "RECORDS",
    "VERSION",
    "AddOp",
    "AttentionOp",
    "Compare",
    "ConvOp",
    "HeadOp",
    "HiddenLayer",
    "ImageFormat",
    "LinearOp",
    "Network",
    "NeuronFormat",
    "Op",
    "Package",
    "PackageError",
    "PoolOp",
    "Reset",
    "Scheme",
    "ScoreLayer",
    "SelectOp",
    "TensorSpec",
    "ValueShape",
    "WeightFormat",
    "check",
    "parse_network",
    "read_package",
    "shapes",
    "tensor_specs",
    "weight_formats",
    "weight_values",
    "write_package",
]

_KEY = "spikewright"
_DTYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "F32": "<f4"}


@dataclass(frozen=True, eq=False)
class Package:
    """A network and its tensors by name; ``check(network, tensors)`` says whether they fit."""

    network: Network
    tensors: Mapping[str, Array]


def weight_values(codes: Array, weights: WeightFormat) -> Array:
    """Integer value of every weight code, int64, in the shape of ``codes``."""
    wide = codes.astype(np.int64)
    if weights.scheme is Scheme.UNIFORM:
        return wide
    return np.where(wide == 0, 0, np.sign(wide) << np.maximum(np.abs(wide) - 1, 0))


def read_package(path: Path | str) -> Package:
    """Read and check a package file; PackageError, one sentence that starts with the path, if it is not valid."""
    path = Path(path)
    try:
        return _parse(path.read_bytes())
    except OSError as error:
        raise PackageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except PackageError as error:
        raise PackageError(f"{path}: {error}") from None


def _parse(data: bytes) -> Package:
    try:
        entries: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise PackageError(f"not a whole safetensors file ({error}); the file is truncated or not a package") from None
    metadata = header.get("__metadata__") or {}
    if list(metadata) != [_KEY]:
        raise PackageError(f"header: __metadata__ must have the one key {_KEY!r}, not {sorted(metadata)}")
    network = parse_network(metadata[_KEY])
    tensors: dict[str, Array] = {}
    for name, entry in sorted(entries):
        if entry["dtype"] not in _DTYPES:
            raise PackageError(f"tensor {name!r}: has dtype {entry['dtype']}; allowed are {', '.join(_DTYPES)}")
        tensors[name] = np.frombuffer(entry["data"], dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    tensors = unpacked(tensors, tensor_specs(network))
    check(network, tensors)
    return Package(network, tensors)


def parse_network(text: str) -> Network:
    """The network from its JSON text; PackageError with the first fault found."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PackageError(f"network: not JSON ({error})") from None
    if not isinstance(raw, dict):
        raise PackageError("network: must be a JSON object")
    if raw.get("format") != FORMAT:
        raise PackageError(f"network.format: is {raw.get('format')!r}; allowed is {FORMAT!r}")
    if type(raw.get("version")) is not int or raw["version"] != VERSION:
        raise PackageError(f"network.version: {raw.get('version')!r} is not supported; allowed is {VERSION}")
    try:
        network = Network.model_validate(raw)
    except ValidationError as error:
        raise PackageError(_sentence(error)) from None
    shapes(network)
    return network


def _sentence(error: ValidationError) -> str:
    fault: Any = error.errors()[0]
    where = "network"
    for part in fault["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    context = fault.get("ctx", {})
    if fault["type"] == "union_tag_invalid":
        return f"{where}: unknown op kind {context['tag']!r}; allowed are {context['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return f"{where}: an op needs a kind"
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown field; only those of docs/package.md are allowed"
    if fault["type"] == "missing":
        return f"{where}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(fault["input"], dict) else f"{fault['input']!r} is not allowed: "
    return f"{where}: {shown}{message[0].lower()}{message[1:]}"


def network_json(network: Network) -> str:
    """The network's JSON text, keys sorted; PackageError where provenance is not JSON."""
    try:
        return json.dumps(network.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise PackageError(f"network.provenance: not JSON ({error})") from None


def write_package(package: Package, path: Path | str) -> None:
    """Check the package, then write it; equal packages give equal bytes, and no reader sees half a file.

    Sparse codes are packed (models/packing.py). PackageError if the package is not valid or the file cannot be written.
    """
    path = Path(path)
    parse_network(network_json(package.network))
    check(package.network, package.tensors)
    stored = packed(package.tensors)
    tensors = {name: np.ascontiguousarray(stored[name]) for name in sorted(stored)}
    data = save(tensors, metadata={_KEY: network_json(package.network)})
    try:
        write_whole(path, data)
    except OSError as error:
        raise PackageError(f"{path}: cannot be written: {error.strerror or error}") from None
