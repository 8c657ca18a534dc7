"""Formats of ``--bits``: one for all layers, one a pattern, or an average to be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.methods.quantise import QuantFormat
from spikewright.cost.work import Scheme
from spikewright.echo import quoted

_ALLOWED = "2 to 8, pot3 or pot4, an average such as 3.5, or a YAML file {pattern: format}"


@dataclass(frozen=True)
class Wanted:
    """What ``--bits`` says: formats by pattern, the last that matches decides; or an average to be searched."""

    patterns: Mapping[str, QuantFormat]
    average: float | None = None


def wanted(words: str) -> Wanted:
    """``8``, ``pot4``, ``3.5``, or the path of a YAML; CheckpointError for anything else."""
    if words.endswith((".yaml", ".yml")):
        return _from_file(Path(words))
    try:
        number = float(words)
    except ValueError:
        return Wanted({"*": _format(words, "--bits")})
    if number.is_integer():
        return Wanted({"*": _format(words, "--bits")})
    if not 2 < number < 8:
        raise CheckpointError(f"--bits {words}: an average must lie between 2 and 8")
    return Wanted({}, number)


def _format(words: Any, where: str) -> QuantFormat:
    text = str(words).strip().lower()
    scheme: Scheme = "pot" if text.startswith("pot") else "uniform"
    try:
        return QuantFormat(scheme, int(text.removeprefix("pot")))
    except ValueError:
        raise CheckpointError(f"{where}: {quoted(str(words))} is no format; allowed is {_ALLOWED}") from None


def _from_file(path: Path) -> Wanted:
    try:
        listed = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not YAML"
        raise CheckpointError(f"--bits {path}: {reason}") from None
    if not isinstance(listed, dict) or not listed or not all(isinstance(key, str) for key in listed):
        raise CheckpointError(f"--bits {path}: must map patterns of layers to formats, such as '*': 4")
    return Wanted({key: _format(value, f"--bits {path}: {quoted(key)}") for key, value in listed.items()})


def matched(patterns: Mapping[str, QuantFormat], layers: Sequence[str]) -> dict[str, QuantFormat]:
    """The format of each layer; CheckpointError for a layer without one, or a pattern that decides for none."""
    formats, deciding = {}, set()
    for name in layers:
        matches = [pattern for pattern in patterns if fnmatchcase(name, pattern)]
        if not matches:
            raise CheckpointError(f"--bits: no pattern matches layer {quoted(name)}; put '*' first")
        deciding.add(matches[-1])
        formats[name] = patterns[matches[-1]]
    for pattern in patterns:
        if pattern not in deciding:
            raise CheckpointError(f"--bits: {quoted(pattern)} decides for none of the layers {', '.join(layers[:40])}")
    return formats
