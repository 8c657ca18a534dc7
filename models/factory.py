"""A user's own network: ``mypkg.net:build`` gives it.

The module is looked for as ``python -m`` would: in the current folder first, then among what is installed.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator

from spikewright.echo import quoted
from spikewright.errors import PlainError
from spikewright.models.data import UserPath
from spikewright.models.data.normalise import Normalised
from spikewright.models.graph import SpikingNetwork, graph_of


class FactoryError(PlainError):
    """A user's network or checkpoint cannot be taken; the text is one sentence."""


class FactoryConfig(Normalised):
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
            raise ValueError(f"must be MODULE:FUNCTION, such as mypkg.net:build, not {quoted(value)}")
        return value

    @field_validator("arguments")
    @classmethod
    def _are_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not _is_plain(value):
            raise ValueError("must hold finite numbers, texts, lists and mappings by text only")
        return value


def _is_plain(value: object, inside: tuple[int, ...] = ()) -> bool:
    """Whether JSON gives the same value again.

    inside: ids of the lists and mappings around it.
    """
    if id(value) in inside:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item, (*inside, id(value))) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_plain(item, (*inside, id(value))) for item in value)
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def build_from_factory(config: FactoryConfig) -> SpikingNetwork:
    """The network as its factory initialises it, without the checkpoint's weights; FactoryError if it cannot be had."""
    with current_folder():
        build = _function(config.factory)
        try:
            network = build(**config.arguments)
        except (Exception, SystemExit) as error:
            raise FactoryError(f"factory {quoted(config.factory)} failed: {error_text(error)}") from None
    if not isinstance(network, SpikingNetwork):
        raise FactoryError(
            f"factory {quoted(config.factory)}: must return a spikewright.models.graph.SpikingNetwork, not "
            f"{type(network).__name__}"
        )
    return network


def structure_of(config: FactoryConfig) -> str:
    """Content hash of what the factory builds: modules with their settings, shapes, and the graph; not the weights."""
    with torch.random.fork_rng():
        network = build_from_factory(config)
    try:
        description = _structure(network)
    except Exception as error:
        raise FactoryError(
            f"factory {quoted(config.factory)}: its network cannot be described: {error_text(error)}"
        ) from None
    return hashlib.sha256(description.encode()).hexdigest()[:16]


def _structure(network: SpikingNetwork) -> str:
    ops = [(op.kind, op.name, op.reads, op.function, op.heads, op.limit) for op in graph_of(network).ops]
    shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    return repr((network, tuple(network.size), ops, shapes))


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
        imported = importlib.import_module(module)
    except ImportError as error:
        raise FactoryError(
            f"factory {quoted(name)}: {module} cannot be imported from the current folder or what is installed "
            f"({_text(error)})"
        ) from None
    except (Exception, SystemExit) as error:
        raise FactoryError(
            f"factory {quoted(name)}: {module} cannot be imported, it raises {error_text(error)}"
        ) from None
    try:
        build: Callable[..., Any] = getattr(imported, function)
    except AttributeError:
        raise FactoryError(f"factory {quoted(name)}: {module} has no {function}") from None
    except Exception as error:  # a module may have a __getattr__ of its own
        raise FactoryError(
            f"factory {quoted(name)}: {module} does not give {function}, it raises {error_text(error)}"
        ) from None
    return build


def error_text(error: BaseException) -> str:
    """Type and text of an error, in one line."""
    return f"{type(error).__name__}: {_text(error)}".removesuffix(": ")


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())
