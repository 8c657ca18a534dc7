"""A user's own network: ``mypkg.net:build`` gives it, a checkpoint its weights.

The module is looked for as ``python -m`` would: in the current folder first, then among what is installed.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import pickletools
import re
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spikewright.models.data import UserPath
from spikewright.models.graph import SpikingNetwork, graph_of
from spikewright.models.spikformer import PUBLISHED_UNUSED, Spikformer
from spikewright.models.strict import Strict

#: How PyTorch refuses a pickle's call of something that is no tensor's; a file that is no pickle it refuses otherwise.
_PICKLED = ("unsupported global", "unsupported class", "trying to call reduce", "can only build")
_HOLDS_OBJECTS = (
    "holds pickled objects beside tensors, which could run code: save the state_dict alone, best as safetensors"
)


class FactoryError(ValueError):
    """A user's network or checkpoint cannot be taken; the text is one sentence."""


class FactoryConfig(Strict):
    """Where a user's network comes from."""

    family: Literal["factory"] = "factory"
    factory: str = Field(description="module:function that returns a SpikingNetwork")
    arguments: dict[str, Any] = Field(default_factory=dict, description="of the function, by name")
    checkpoint: UserPath | None = Field(
        default=None, description="its weights: .safetensors, or tensors saved by torch"
    )

    @field_validator("factory")
    @classmethod
    def _names_a_function(cls, value: str) -> str:
        if not re.fullmatch(r"\w+(\.\w+)*:\w+", value):
            raise ValueError(f"must be MODULE:FUNCTION, such as mypkg.net:build, not {value!r}")
        return value

    @field_validator("arguments")
    @classmethod
    def _are_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not _is_plain(value):
            raise ValueError("must hold finite numbers, texts, lists and mappings by text only")
        return value


def _is_plain(value: object, inside: tuple[int, ...] = ()) -> bool:
    """Whether JSON gives the same value again; ``inside``: the lists and mappings around it."""
    if id(value) in inside:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(one, (*inside, id(value))) for key, one in value.items())
    if isinstance(value, list):
        return all(_is_plain(one, (*inside, id(value))) for one in value)
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def build_from_factory(config: FactoryConfig) -> SpikingNetwork:
    """The network as its factory initialises it, without the checkpoint's weights; FactoryError if it cannot be had."""
    with current_folder():
        build = _function(config.factory)
        try:
            network = build(**config.arguments)
        except (Exception, SystemExit) as error:
            raise FactoryError(f"factory {config.factory!r} failed: {said(error)}") from None
    if not isinstance(network, SpikingNetwork):
        raise FactoryError(
            f"factory {config.factory!r}: must return a spikewright.models.graph.SpikingNetwork, not "
            f"{type(network).__name__}"
        )
    return network


def structure_of(config: FactoryConfig) -> str:
    """Content hash of what the factory builds: modules with their settings, shapes, and the graph; not the weights."""
    with torch.random.fork_rng():
        network = build_from_factory(config)
    ops = [(op.kind, op.name, op.reads, op.function, op.heads, op.limit) for op in graph_of(network).ops]
    shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    return hashlib.sha256(repr((network, tuple(network.size), ops, shapes)).encode()).hexdigest()[:16]


def load_checkpoint(network: SpikingNetwork, path: Path) -> None:
    """A user's weights into a network, in place; FactoryError unless names and shapes are the network's.

    Of a Spikformer, the parameters that published checkpoints hold and no forward pass reads are passed over.
    """
    state = read_checkpoint(path)
    if isinstance(network, Spikformer):
        state = {name: tensor for name, tensor in state.items() if not PUBLISHED_UNUSED.fullmatch(name)}
    wanted, found = network.state_dict(), set(state)
    for what, names in (("misses", set(wanted) - found), ("has no place for", found - set(wanted))):
        if names:
            raise FactoryError(f"{path}: the network {what} {sorted(names)[0]} ({len(names)} in all)")
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise FactoryError(f"{path}: {name} has shape {list(state[name].shape)}; allowed is {list(tensor.shape)}")
        if fault := _unfit(state[name], like=tensor):
            raise FactoryError(f"{path}: {name} {fault}")
    network.load_state_dict(state)


def _unfit(tensor: Tensor, like: Tensor) -> str:
    """Why numbers of a checkpoint cannot be taken; nothing where they can."""
    if tensor.layout is not torch.strided or tensor.is_meta:
        return "is not stored as plain numbers"
    if like.is_floating_point() and not tensor.is_floating_point():
        return f"is {str(tensor.dtype).removeprefix('torch.')}; allowed are floating-point numbers"
    if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
        return "holds what is no finite number"
    return ""


@contextmanager
def current_folder() -> Iterator[None]:
    """The current folder first on the path, as it is not where a console script was started; for the block only."""
    before = sys.path[:]
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _function(name: str) -> Callable[..., Any]:
    """What ``module:function`` names; FactoryError whatever the module does while it is imported."""
    module, _, function = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise FactoryError(
            f"factory {name!r}: {module} cannot be imported from the current folder or what is installed "
            f"({_text(error)})"
        ) from None
    except (Exception, SystemExit) as error:
        raise FactoryError(f"factory {name!r}: {module} cannot be imported, it raises {said(error)}") from None
    if not hasattr(found, function):
        raise FactoryError(f"factory {name!r}: {module} has no {function}")
    build: Callable[..., Any] = getattr(found, function)
    return build


def said(error: BaseException) -> str:
    """Type and text of an error, in one line."""
    return f"{type(error).__name__}: {_text(error)}"


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())


def _is_pickle(path: Path) -> bool:
    """Whether a file begins with a whole pickle, not one of torch's; it is looked through and not executed."""
    try:
        with path.open("rb") as file:
            found = [argument for _, argument, _ in pickletools.genops(file)]
    except Exception:  # what is no pickle fails in many ways
        return False
    return len(found) > 1 and torch.serialization.MAGIC_NUMBER not in found


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A state_dict from a file. Nothing is unpickled but tensors: a file with other objects is refused."""
    if not path.is_file():
        raise FactoryError(f"{path}: there is no such checkpoint")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            if _is_pickle(path):
                raise FactoryError(f"{path}: {_HOLDS_OBJECTS}") from None
            raise FactoryError(f"{path}: not a whole safetensors file ({error})") from None
    try:
        # the arguments of training, in published checkpoints; old pickles warn before they are refused
        with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings(action="ignore"):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())
        if any(sign in text.lower() for sign in _PICKLED) or _is_pickle(path):
            raise FactoryError(f"{path}: {_HOLDS_OBJECTS}") from None
        what = "it is empty" if not path.stat().st_size else "neither tensors saved by torch nor safetensors"
        raise FactoryError(f"{path}: not a whole checkpoint ({what})") from None
    for key in ("state_dict", "model"):  # wrappers that are common
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in found.items()):
        raise FactoryError(f"{path}: must hold a state_dict, names and tensors")
    return found
