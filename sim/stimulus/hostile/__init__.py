"""Package files that a careless or hostile writer makes: drawn from a seed, valid ones among them.

``hostile_file(seed)`` is the whole of it: a small valid package of a random graph (bases.py), damaged in one to three
ways (network_faults.py, tensor_faults.py) and written without any check (writer.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from spikewright.models.package import PackageError, parse_network
from spikewright.models.packing import packed
from spikewright.sim.stimulus.hostile.bases import Rng, base_network, fitting_tensors
from spikewright.sim.stimulus.hostile.network_faults import FAULTS
from spikewright.sim.stimulus.hostile.tensor_faults import FILES, TENSORS
from spikewright.sim.stimulus.hostile.writer import FileDraft

__all__ = ["BASE_BYTES", "HostileFile", "hostile_file"]

#: Bytes of the package that a file is made from, at most.
BASE_BYTES = 20_000
#: Share of the files that stay valid, that are damaged in the JSON, in the tensors, in the header or the bytes.
SHARES = {"none": 0.12, "network": 0.48, "tensors": 0.2, "file": 0.2}


@dataclass(frozen=True)
class HostileFile:
    """A package file.

    kinds: of the damage; inside: whether it is in the JSON or in tensors behind a header that is valid; ops: kinds of
    the base's ops.
    """

    data: bytes
    kinds: tuple[str, ...]
    inside: bool
    ops: tuple[str, ...]


def hostile_file(seed: int) -> HostileFile:
    """The file of that seed."""
    rng = np.random.default_rng([seed, 26])
    draft = _base(rng)
    ops = tuple(sorted({op["kind"] for op in draft.raw["ops"]}))
    share = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    faults = {"network": FAULTS, "tensors": TENSORS, "file": FILES}.get(share, {})
    for kind in rng.choice(list(faults), size=int(rng.choice([1, 1, 1, 2, 3]))).tolist() if faults else []:
        faults[kind](rng, draft)
        draft.kinds.append(kind)
        if not isinstance(draft.raw, dict) or "ops" not in draft.raw or not draft.tensors:
            break
        if not isinstance(draft.raw["ops"], list) or not all(
            isinstance(op, dict) and "name" in op for op in draft.raw["ops"]
        ):
            break
    if share == "network" and rng.random() < 0.5:
        _refit(rng, draft)
    return HostileFile(draft.data(), tuple(draft.kinds), bool(draft.kinds) and draft.inside, ops)


def _base(rng: Rng) -> FileDraft:
    while True:
        raw = base_network(rng)
        tensors = fitting_tensors(rng, parse_network(json.dumps(raw)))
        draft = FileDraft(raw, packed(tensors) if rng.random() < 0.5 else tensors)
        if len(draft.data()) <= BASE_BYTES:
            return draft


def _refit(rng: Rng, draft: FileDraft) -> None:
    """Tensors that fit the changed network, where one can be: what is behind the reader is met, too."""
    try:
        network = parse_network(json.dumps(draft.raw))
    except PackageError:
        return
    weights = sum(op.channels for op in network.ops if hasattr(op, "channels")) + network.input.channels
    if weights < 300:
        draft.tensors = fitting_tensors(rng, network)
