"""Dataclasses that hold arrays, tensors or networks compare by identity: ``==`` of two arrays is no truth value."""

import dataclasses
import importlib
import inspect
import pkgutil
import typing
from types import UnionType

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

import spikewright

#: What has no ``==`` that answers yes or no, or, as networks, only that of identity.
ARRAYS = (np.ndarray, Tensor, nn.Module)


def every_dataclass() -> list[type]:
    """The dataclasses of all rooms."""
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(spikewright.__path__, "spikewright.")
        if not info.name.endswith("__main__")
    ]
    classes = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    }
    return sorted(classes, key=lambda kind: (kind.__module__, kind.__qualname__))


def is_tuple_of_fields(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def held_types(annotation: object) -> list[object]:
    """The types of what a value of this annotation holds, one level further in; of a function, none."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return []
    if origin in (typing.Union, UnionType, typing.Annotated) or (isinstance(origin, type) and origin is not type):
        parts = typing.get_args(annotation)
        return [] if origin is typing.get_origin(typing.Callable[[], None]) else [origin, *parts]
    return []


def holds_arrays(annotation: object, around: tuple[object, ...] = ()) -> bool:
    """Whether a value of this annotation is an array, a tensor or a network, or holds one at any depth."""
    if annotation in around:
        return False
    around = (*around, annotation)
    if not isinstance(annotation, type) or typing.get_origin(annotation) is not None:
        return any(holds_arrays(part, around) for part in held_types(annotation))
    if issubclass(annotation, ARRAYS):
        return True
    if not dataclasses.is_dataclass(annotation) and not is_tuple_of_fields(annotation):
        return False
    hints = typing.get_type_hints(annotation)
    fields = (
        [field.name for field in dataclasses.fields(annotation)]
        if dataclasses.is_dataclass(annotation)
        else list(hints)
    )
    return any(holds_arrays(hints[name], around) for name in fields)


def has_generated_equality(kind: type) -> bool:
    """Whether ``==`` compares the fields one by one, as ``@dataclass`` writes it where nothing else is said."""
    code = getattr(kind.__eq__, "__code__", None)
    return code is not None and code.co_filename == "<string>"  # no file: @dataclass made it


@dataclasses.dataclass
class _Images:
    pixels: NDArray[np.uint8] | None


@dataclasses.dataclass(eq=False)
class _Split:
    parts: dict[str, list[_Images]]


@dataclasses.dataclass
class _Area:
    pixels: NDArray[np.bool_]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Area) and np.array_equal(self.pixels, other.pixels)


@dataclasses.dataclass
class _Size:
    height: int
    read: typing.Callable[[NDArray[np.uint8]], Tensor]


def test_the_check_sees_arrays_at_any_depth():
    assert holds_arrays(_Images)
    assert holds_arrays(_Split)
    assert holds_arrays(tuple[nn.Linear, ...])
    assert not holds_arrays(_Size), "a function holds none of what it takes and gives"
    assert has_generated_equality(_Images)
    assert not has_generated_equality(_Split)
    assert not has_generated_equality(_Area)


@pytest.mark.parametrize("kind", every_dataclass(), ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_what_holds_arrays_is_not_compared_by_its_fields(kind):
    assert not (holds_arrays(kind) and has_generated_equality(kind)), "give it eq=False, or an __eq__ of its own"
