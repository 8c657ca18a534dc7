"""A user's weights: read from a file without unpickling more than tensors, checked, and put into a network."""

from __future__ import annotations

import pickletools
import warnings
from argparse import Namespace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spikewright.models.factory import FactoryError
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import PUBLISHED_UNUSED, Spikformer

#: How PyTorch refuses a pickle's call of something that is no tensor's; a file that is no pickle it refuses otherwise.
_PICKLED = ("unsupported global", "unsupported class", "trying to call reduce", "can only build")
_HOLDS_OBJECTS = (
    "holds pickled objects beside tensors, which could run code: save the state_dict alone, best as safetensors"
)
#: What DistributedDataParallel puts in front of every name.
_PARALLEL = "module."


def load_checkpoint(network: SpikingNetwork, path: Path) -> None:
    """A user's weights into a network, in place; FactoryError unless names and shapes are the network's.

    Of a Spikformer, the parameters that published checkpoints hold and no forward pass reads are passed over; of all
    networks, what DistributedDataParallel puts in front of the names.
    """
    state, wanted = read_checkpoint(path), network.state_dict()
    if all(name.startswith(_PARALLEL) for name in state) and not any(name.startswith(_PARALLEL) for name in wanted):
        state = {name.removeprefix(_PARALLEL): tensor for name, tensor in state.items()}
    if isinstance(network, Spikformer):
        state = {name: tensor for name, tensor in state.items() if not PUBLISHED_UNUSED.fullmatch(name)}
    given_names = set(state)
    faults = [
        f"{verb} {sorted(names)[0]} ({len(names)} in all)"
        for verb, names in (("misses", set(wanted) - given_names), ("has no place for", given_names - set(wanted)))
        if names
    ]
    if faults:
        raise FactoryError(f"{path}: the network {' and '.join(faults)}")
    for name, tensor in wanted.items():
        if fault := _unfit(name, state[name], like=tensor):
            raise FactoryError(f"{path}: {name} {fault}")
    network.load_state_dict(state)


def _unfit(name: str, tensor: Tensor, like: Tensor) -> str:
    """Why numbers of a checkpoint cannot be taken; nothing where they can."""
    if tensor.is_nested or tensor.layout is not torch.strided or tensor.is_meta:
        return "is not stored as plain numbers"
    if tensor.shape != like.shape:
        return f"has shape {list(tensor.shape)}; allowed is {list(like.shape)}"
    if like.is_floating_point() and not tensor.is_floating_point():
        return f"is {str(tensor.dtype).removeprefix('torch.')}; allowed are floating-point numbers"
    if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
        return "holds what is no finite number"
    if name.endswith("running_var") and bool((tensor.float() < 0).any()):
        return "is a variance, but holds numbers below 0"
    return ""


def _begins_as_safetensors(path: Path) -> bool:
    """Whether a file begins with the length of a JSON header and its brace, whatever its name is."""
    with path.open("rb") as file:
        first = file.read(9)
    return first[4:] == b"\0\0\0\0{"


def _is_pickle(path: Path) -> bool:
    """Whether a file begins with a whole pickle, not one of torch's; it is looked through and not executed."""
    try:
        with path.open("rb") as file:
            arguments = [argument for _, argument, _ in pickletools.genops(file)]
    except Exception:  # what is no pickle fails in many ways
        return False
    return len(arguments) > 1 and torch.serialization.MAGIC_NUMBER not in arguments


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A state_dict from a file. Nothing is unpickled but tensors: a file with other objects is refused."""
    if path.is_dir():
        raise FactoryError(f"{path}: is a folder: name the checkpoint's file")
    if not path.is_file():
        raise FactoryError(f"{path}: there is no such checkpoint")
    if _begins_as_safetensors(path):
        try:
            return load_file(path)
        except SafetensorError as error:
            raise FactoryError(f"{path}: not a whole safetensors file ({error})") from None
    try:
        # the arguments of training, in published checkpoints; old pickles warn before they are refused
        with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings(action="ignore"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())
        if any(sign in text.lower() for sign in _PICKLED) or _is_pickle(path):
            raise FactoryError(f"{path}: {_HOLDS_OBJECTS}") from None
        reason = "it is empty" if not path.stat().st_size else "neither tensors saved by torch nor safetensors"
        raise FactoryError(f"{path}: not a whole checkpoint ({reason})") from None
    for key in ("state_dict", "model"):  # wrappers that are common
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in loaded.items()):
        raise FactoryError(f"{path}: must hold a state_dict, names and tensors")
    return loaded
