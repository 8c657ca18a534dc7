"""The model package: one safetensors file with a network of integers (docs/package.md).

Reading needs neither PyTorch, nor the training code, nor the compiler.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save

from spikewright.echo import printable, quoted, shown
from spikewright.files import write_whole
from spikewright.models.package_check import Array, PackageError, ValueShape, shapes
from spikewright.models.package_file import KEY, parse_file, read_bytes, strict_json
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
from spikewright.models.package_tensors import RECORDS, TensorSpec, check, tensor_specs, weight_formats
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
    where = printable(str(path))
    try:
        return _parse(read_bytes(path))
    except OSError as error:
        raise PackageError(f"{where}: cannot be read: {error.strerror or error}") from None
    except PackageError as error:
        raise PackageError(f"{where}: {error}") from None


def _parse(data: bytes) -> Package:
    text, stored = parse_file(data)
    network = parse_network(text)
    tensors = unpacked(stored, tensor_specs(network))
    check(network, tensors)
    return Package(network, tensors)


def parse_network(text: str) -> Network:
    """The network from its JSON text; PackageError with the first fault found."""
    try:
        raw = strict_json(text)
    except ValueError as error:
        raise PackageError(f"network: not JSON ({error})") from None
    if not isinstance(raw, dict):
        raise PackageError("network: must be a JSON object")
    if raw.get("format") != FORMAT:
        raise PackageError(f"network.format: is {quoted(raw.get('format'))}; allowed is {FORMAT!r}")
    if type(raw.get("version")) is not int or raw["version"] != VERSION:
        raise PackageError(f"network.version: {quoted(raw.get('version'))} is not supported; allowed is {VERSION}")
    try:
        network = Network.model_validate(raw)
    except ValidationError as error:
        raise PackageError(_sentence(error)) from None
    shapes(network)
    return network


def _sentence(error: ValidationError) -> str:
    fault: Any = error.errors(include_url=False)[0]
    where = "network"
    for part in fault["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    context = fault.get("ctx", {})
    if fault["type"] == "union_tag_invalid":
        return f"{where}: unknown op kind {quoted(context['tag'])}; allowed are {context['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return f"{where}: an op needs a kind"
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown field; only those of docs/package.md are allowed"
    if fault["type"] == "missing":
        return f"{where}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] in ("model_attributes_type", "model_type", "dict_type"):
        message = "must be a JSON object"
    given = "" if isinstance(fault["input"], dict) else f"{quoted(fault['input'])} is not allowed: "
    return f"{where}: {given}{message[0].lower()}{message[1:]}"


def network_json(network: Network) -> str:
    """The network's JSON text, keys sorted; PackageError where provenance is not JSON."""
    try:
        return json.dumps(network.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise PackageError(f"network.provenance: not JSON ({shown(str(error))})") from None


def write_package(package: Package, path: Path | str) -> None:
    """Check the package, then write it; equal packages give equal bytes, and no reader sees half a file.

    Sparse codes are packed (models/packing.py). PackageError if the package is not valid or the file cannot be written.
    """
    path = Path(path)
    parse_network(network_json(package.network))
    check(package.network, package.tensors)
    stored = packed(package.tensors)
    tensors = {name: np.ascontiguousarray(stored[name]) for name in sorted(stored)}
    data = save(tensors, metadata={KEY: network_json(package.network)})
    try:
        write_whole(path, data)
    except OSError as error:
        raise PackageError(f"{printable(str(path))}: cannot be written: {error.strerror or error}") from None
