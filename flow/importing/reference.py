"""The float port against its source: numbers that the user's program wrote, or the live model."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.posttraining.layers import neurons_of
from spikewright.echo import quoted
from spikewright.models.factory import current_folder, error_text
from spikewright.models.graph import SpikingNetwork
from spikewright.models.graph_run import tokens

#: A port whose class scores differ by more, of the greatest, computes another network.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class PortCheck:
    """What a check has shown.

    logits: greatest difference over the greatest class score, in float64 and in float32; spikes: of those compared in
    float64, how many differ; compared: how many were; silent: layers that never fire on these inputs, so that what they
    read is not checked by them.
    """

    source: str
    images: int
    logits: float
    logits_float32: float
    spikes: int = 0
    compared: int = 0
    flipped_float32: float = 0.0
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Reference:
    """inputs: as the source network read them, float; logits: ``[B, classes]``; spikes: by layer, ``[T, B, …]``."""

    inputs: Tensor
    logits: Tensor
    spikes: dict[str, Tensor]
    source: str


def read_reference(path: Path) -> Reference:
    """A ``.npz`` with ``inputs``, ``logits`` and, if it likes, ``spikes.LAYER``; CheckpointError for another file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # what is no npz fails in many ways
        reason = getattr(error, "strerror", None) or "not a whole .npz of plain arrays"
        raise CheckpointError(f"--reference {path}: {reason}") from None
    for name in ("inputs", "logits"):
        if name not in arrays or arrays[name].dtype.kind not in "fiu" or not arrays[name].size:
            held = ", ".join(list(arrays)[:8]) or "nothing"
            raise CheckpointError(f"--reference {path}: has no numbers {quoted(name)}; it holds {held}")
    spikes = {
        name.removeprefix("spikes."): torch.from_numpy(array.astype(np.uint8))
        for name, array in arrays.items()
        if name.startswith("spikes.")
    }
    inputs, logits = (torch.from_numpy(arrays[name].astype(np.float64)) for name in ("inputs", "logits"))
    return Reference(inputs, logits, spikes, str(path))


def run_source(words: str, inputs: Tensor) -> Reference:
    """What the live model ``module:function`` answers in float64; CheckpointError where it cannot be had."""
    module, colon, function = words.partition(":")
    if not colon:
        raise CheckpointError(f"--source {quoted(words)}: must be MODULE:FUNCTION, a function that returns the model")
    with current_folder():
        try:
            model: Callable[[Tensor], Tensor] = getattr(importlib.import_module(module), function)()
            model.eval().double()  # type: ignore[attr-defined]
            with torch.no_grad():
                answer: Any = model(inputs.double())
        except (Exception, SystemExit) as error:
            raise CheckpointError(f"--source {quoted(words)}: {error_text(error)}") from None
    logits = answer[0] if isinstance(answer, tuple | list) else answer
    return Reference(inputs.double(), logits.mean(0) if logits.dim() == 3 else logits, {}, f"the live model {words}")


def check_port(build: Callable[[torch.dtype], SpikingNetwork], reference: Reference, *, frames: bool) -> PortCheck:
    """Hold the port against its source; CheckpointError where it differs, naming the first layer where spikes tell.

    build: the port in a type; frames: inputs are ``[B, T, C, H, W]``.
    """
    inputs = reference.inputs.transpose(0, 1).contiguous() if frames else reference.inputs
    double, fired = _run(build(torch.float64), inputs.double())
    single, fired_single = _run(build(torch.float32), inputs.float())
    if double.shape != reference.logits.shape:
        raise CheckpointError(
            f"{reference.source}: its logits are {list(reference.logits.shape)}, the port answers {list(double.shape)}"
        )
    differing, compared, first = 0, 0, ""
    held = {id(theirs) for name in fired if (theirs := _theirs(reference, name)) is not None}
    if strange := [name for name, spikes in reference.spikes.items() if id(spikes) not in held]:
        raise CheckpointError(
            f"{reference.source}: spikes.{strange[0]} is of no layer; layers are {', '.join(list(fired)[:8])}, …"
        )
    for name, own in fired.items():
        if (theirs := _theirs(reference, name)) is None:
            continue
        wrong = _differing(own, theirs, name)
        if wrong and not first:
            first = f"; the first layer that differs is {name}, in {wrong} of {theirs.numel()} spikes"
        differing, compared = differing + wrong, compared + theirs.numel()
    off, off_single = (_relative(answer, reference.logits) for answer in (double, single))
    if not off <= TOLERANCE:
        told = first or "; give spikes.LAYER in --reference to see where it begins"
        raise CheckpointError(
            f"the port is not its source: class scores differ by {off:.2g} of the greatest{told}: a setting is wrong "
            "(heads, steps, scale, pools, thresholds, mean and std)"
        )
    flips = sum(int((fired[name] != fired_single[name]).sum()) for name in fired)
    total = sum(own.numel() for own in fired.values())
    silent = tuple(name for name, own in fired.items() if not own.any())
    return PortCheck(reference.source, len(double), off, off_single, differing, compared, flips / max(1, total), silent)


def _run(network: SpikingNetwork, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    fired: dict[str, Tensor] = {}
    hooks = [
        neuron.register_forward_hook(lambda _neuron, _read, made, name=name: fired.update({name: made.bool()}))
        for name, neuron in neurons_of(network).items()
    ]
    try:
        with torch.no_grad():
            answer = network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return answer.double(), fired


def _theirs(reference: Reference, op: str) -> Tensor | None:
    """The spikes of an op, by its own name or that of its neuron in the published code (``q_linear`` → ``q_lif``)."""
    last = op.rpartition(".")[2]
    for ending in ("_conv", "_linear", "attn"):
        if last.startswith("proj_conv") or last.endswith(ending):
            lif = "attn_lif" if last == "attn" else last.replace("_conv", "_lif").replace("_linear", "_lif")
            named = f"{op.rpartition('.')[0]}.{lif}"
            return reference.spikes.get(op, reference.spikes.get(named))
    return reference.spikes.get(op)


def _differing(own: Tensor, theirs: Tensor, name: str) -> int:
    """How many spikes differ; channels may stand before the tokens, or a grid in place of them."""
    flat = theirs.bool().reshape(*theirs.shape[:3], -1) if theirs.dim() == 5 else theirs.bool()
    mine = tokens(own)
    for each in (flat, flat.transpose(-1, -2)):
        if each.shape == mine.shape:
            return int((each != mine).sum())
    if own.shape == theirs.shape:
        return int((own != theirs.bool()).sum())
    raise CheckpointError(f"spikes.{name} are {list(theirs.shape)}; the port's are {list(own.shape)}")


def _relative(answer: Tensor, wanted: Tensor) -> float:
    return float((answer - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))
