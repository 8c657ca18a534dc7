"""The structure's own numbers: what is refused, and that its file gives it back."""

import dataclasses
import json

import pytest
from structures import structure

from spikewright.compiler.target.structure import Structure


def test_file_round_trip() -> None:
    one = structure("odd")
    assert Structure.from_dict(json.loads(one.to_json())) == one


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("bank_depth", 0, "an integer of at least 1"),
        ("value_bits", 7.5, "an integer of at least 1"),
        ("fraction_bits", -1, "an integer of at least 0"),
        ("soft_reset", 2, "0 or 1"),
        ("planes", True, "an integer of at least 1"),
    ],
)
def test_bad_numbers(field: str, value: object, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"structure: {field} must be {allowed}, not {value}"):
        dataclasses.replace(structure(), **{field: value})


def test_the_shape_must_be_one() -> None:
    with pytest.raises(ValueError, match="shape must be a Shape"):
        dataclasses.replace(structure(), shape=16)
