"""A user's weights, put into a network after their names, shapes and numbers are checked."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from spikewright.compress.checkpoint.containers import Checkpoint, read_checkpoint
from spikewright.echo import shown
from spikewright.models.factory import FactoryError
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import PUBLISHED_UNUSED, Spikformer


def load_checkpoint(network: SpikingNetwork, path: Path, *, key: str | None = None) -> None:
    """A user's weights into a network, in place; FactoryError unless names and shapes are the network's.

    CheckpointError where the file has no state, or several and no ``key`` names one. Of a Spikformer, the parameters
    that published checkpoints hold and no forward pass reads are passed over; batches that norms have counted may be
    missing, as in old files.
    """
    wanted = network.state_dict()
    state = _named(read_checkpoint(path, key=key), wanted)
    if isinstance(network, Spikformer):
        state = {name: tensor for name, tensor in state.items() if not PUBLISHED_UNUSED.fullmatch(name)}
    counts = {name: tensor for name, tensor in wanted.items() if name.endswith(".num_batches_tracked")}
    state = counts | state
    given_names = set(state)
    faults = [
        f"{verb} {shown(sorted(names)[0])} ({len(names)} in all)"
        for verb, names in (("misses", set(wanted) - given_names), ("has no place for", given_names - set(wanted)))
        if names
    ]
    if faults:
        raise FactoryError(f"{path}: the network {' and '.join(faults)}")
    for name, tensor in wanted.items():
        if fault := _unfit(name, state[name], like=tensor):
            raise FactoryError(f"{path}: {name} {fault}")
    network.load_state_dict(state)


def _named(checkpoint: Checkpoint, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state with what was taken off its names in front again, as far as the network's names begin so."""
    parts = checkpoint.prefix.split(".")
    kept = [".".join(parts[at:]) for at in reversed(range(len(parts)))]  # from none to all
    best = max(kept, key=lambda prefix: sum(f"{prefix}{name}" in wanted for name in checkpoint.state))
    return {f"{best}{name}": tensor for name, tensor in checkpoint.state.items()}


def _unfit(name: str, tensor: Tensor, like: Tensor) -> str:
    """Why numbers of a checkpoint cannot be taken; nothing where they can."""
    if tensor.shape != like.shape:
        return f"has shape {list(tensor.shape)}; allowed is {list(like.shape)}"
    if like.is_floating_point() and not tensor.is_floating_point():
        return f"is {str(tensor.dtype).removeprefix('torch.')}; allowed are floating-point numbers"
    if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
        return "holds what is no finite number"
    if name.endswith("running_var") and bool((tensor.float() < 0).any()):
        return "is a variance, but holds numbers below 0"
    return ""
