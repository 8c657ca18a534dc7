"""Formats by sensitivity: what each layer in each format does to the class scores, and the best of them for a budget.

One layer at a time is quantised and the rest of the network run on from there, on calibration images without labels;
the assignment is the search's (paper 2), with these figures in place of trained mixtures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.synapses import synapses
from spikewright.compress.posttraining.correct import alone
from spikewright.compress.posttraining.layers import walk
from spikewright.compress.search.assignment import assigned
from spikewright.files import write_whole
from spikewright.models.graph import IMAGE, SpikingNetwork, graph_of
from spikewright.models.graph_run import execute

Sensitivities = dict[str, dict[str, float]]


def label(fmt: QuantFormat) -> str:
    """``uniform 4``."""
    return f"{fmt.scheme} {fmt.bits}"


def sensitivities(
    network: SpikingNetwork,
    formats: Mapping[str, Sequence[QuantFormat]],
    images: Tensor,
    *,
    kept: Path | None = None,
    tell: Callable[[str, int, int], None] = lambda _layer, _done, _all: None,
) -> Sensitivities:
    """Relative squared change of the class scores by layer and format, each layer alone.

    formats: candidates by module path; images: some calibration images; kept: file of what is measured already, which
    is read and grown, so that a search can be interrupted; tell: layer, measured layers, all layers.
    """
    key = _key(network, images)
    known = _kept(kept, key)
    paths = {synapse.op: synapse.path for synapse in synapses(network)}
    with torch.no_grad():
        values = {IMAGE: images if images.dim() == 5 else images[None]}
        values |= {op.name: made for op, _, _, made in walk(network, images)}
        for done, name in enumerate(paths):
            tell(name, done, len(paths))
            row = known.setdefault(name, {})
            for fmt in formats[paths[name]]:
                if label(fmt) not in row:
                    row[label(fmt)] = _change(network, name, fmt, images, values)
            if kept is not None:
                write_whole(kept, json.dumps({"of": key, "layers": known}, indent=1).encode())
    return known


def _key(network: SpikingNetwork, images: Tensor) -> str:
    """Content hash of all that a measurement depends on."""
    ops = [(op.kind, op.name, op.reads, op.heads, op.limit) for op in graph_of(network).ops]
    digest = hashlib.sha256(repr((network, tuple(network.size), ops, tuple(images.shape))).encode())
    for tensor in (*network.state_dict().values(), images):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _kept(file: Path | None, key: str) -> Sensitivities:
    """What was measured of the same network on the same images; nothing of another's."""
    try:
        found = json.loads(file.read_text()) if file is not None else {}
        return dict(found["layers"]) if found.get("of") == key else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _change(
    network: SpikingNetwork, name: str, fmt: QuantFormat, images: Tensor, values: Mapping[str, Tensor]
) -> float:
    """What one layer in one format does to the scores; values: those of the float network."""
    ops = graph_of(network).ops
    at = [op.name for op in ops].index(name)
    op, steps = ops[at], network.size.steps
    given = [values[read] for read in op.reads]
    joined = None if op.shortcut is None else values[op.shortcut[0]]
    made = execute(alone(op, fmt, given, steps, joined, values[name]), given, steps, joined)
    before = {each.name: values[each.name] for each in ops[:at]} | {name: made}
    *_, (last, _, _, scores) = walk(network, images, before)
    plain = values[last.name]
    return float(((scores - plain) ** 2).sum() / (plain**2).sum().clamp(min=1e-30))


def chosen(
    network: SpikingNetwork,
    formats: Mapping[str, Sequence[QuantFormat]],
    measured: Sensitivities,
    target_bits: float,
    roof: int,
) -> dict[str, QuantFormat]:
    """The formats of least total change whose average width over all weights reaches the target.

    CheckpointError where the target is below the narrowest candidates.
    """
    ops = {synapse.path: synapse.op for synapse in synapses(network)}
    sizes = [cast(Tensor, network.get_submodule(path).weight).numel() for path in formats]
    scores = [-np.array([measured[ops[path]][label(f)] for f in own]) for path, own in formats.items()]
    bits = [np.array([f.bits for f in own]) for own in formats.values()]
    try:
        taken = assigned(scores, bits, sizes, target_bits, roof=roof)
    except ValueError:
        raise CheckpointError(f"--bits {target_bits:g}: the narrowest formats take 2 bits a weight") from None
    return {path: own[at] for (path, own), at in zip(formats.items(), taken, strict=True)}
