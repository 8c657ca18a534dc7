"""What a user asks of an import, and what a port hands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from spikewright.compress.checkpoint.settings import FoundSettings
from spikewright.flow.importing.images import Given
from spikewright.models.graph import SpikingNetwork


@dataclass(frozen=True)
class Asked:
    """Options of ``spikewright import``; None where the user says nothing.

    widest: no layer of a searched average is wider; others as the command's help says.
    """

    path: Path
    calibrate: str
    test: str | None = None
    bits: str = "8"
    widest: int = 8
    input_bits: int = 8
    images: int = 32
    steps: int | None = None
    heads: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    pools: tuple[int, ...] | None = None
    threshold: float | None = None
    attention_threshold: float | None = None
    ema: bool | None = None
    key: str | None = None
    reference: Path | None = None
    source: str | None = None
    reestimate_norms: bool = False
    dt: float | None = None
    reset: str | None = None
    compare: str | None = None
    leak: str = "euler"
    input_shape: tuple[int, ...] | None = None


@dataclass(eq=False)
class Port:
    """A float network with the weights of a file.

    build: the network in a type, reading what its source read; images: those that calibrate it; family, why: what it is
    and how that was recognised; settings: what was told, read and assumed; unused: keys of the file that nothing reads;
    notes: what else the user should know; names: the op of each neuron, by the name that the source gives it.
    """

    build: Callable[[torch.dtype], SpikingNetwork]
    images: Given
    family: str
    why: str
    settings: FoundSettings
    unused: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    where: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
