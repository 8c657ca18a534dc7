"""Class scores leave on the head's own grid, as one word or two."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.program import StructureError
from spikewright.compiler.target.descriptors import cover
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Network, Package
from spikewright.sim.program.check import check_program
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

SPEC = NetworkSpec(height=4, width=4, dim=8, heads=2, depth=1, pools=(False,) * 4)
PLAIN = random_package(3, SPEC)
SHAPE = Shape(tokens=4, steps=2, banks=2)


def with_bits(head: int, bias: int = 0, **layers: int) -> Package:
    """The package with these fraction bits at the head and at other layers, and 0 elsewhere."""
    raw = PLAIN.network.model_dump(mode="json")
    for op in raw["ops"]:
        if "neuron" in op:
            op["neuron"]["fraction_bits"] = layers.get(op["name"], 0)
        elif op["kind"] == "head":
            op |= {"fraction_bits": head, "weights": {"scheme": "uniform", "bits": 8}}
    codes = np.full_like(PLAIN.tensors["head.codes"], 127)
    tensors = {**PLAIN.tensors, "head.codes": codes, "head.bias": np.full(10, bias, np.int32)}
    return Package(Network.model_validate(raw), tensors)


def test_only_the_heads_own_fraction_bits_count():
    package = with_bits(2, sps1=20)
    program = compile_package(package, SHAPE)
    assert (program.structure.score_drop, program.trace_map.score_shift) == (18, 0)
    checked = check_program(program, package, random_images(3, 2, SPEC))
    assert checked.images == 2


@pytest.mark.parametrize(
    ("package", "wide"),
    [(with_bits(15), 0), (with_bits(16), 1), (with_bits(20), 1), (with_bits(20, bias=2**31 - 1), 1)],
)
def test_scores_that_need_it_leave_as_two_words(package, wide):
    program = compile_package(package, SHAPE)
    assert (program.structure.wide_scores, program.trace_map.score_words) == (wide, 1 + wide)
    check_program(program, package, random_images(3, 2, SPEC))


def test_a_shared_structure_sends_what_all_its_networks_need():
    fine, coarse = (compile_package(with_bits(head, sps1=6), SHAPE).structure for head in (4, 1))
    shared = cover([fine, coarse])
    assert (fine.score_drop, coarse.score_drop, shared.score_drop) == (2, 5, 2)
    assert compile_package(with_bits(1, sps1=6), shared).trace_map.score_shift == 3
    wide = compile_package(with_bits(0, bias=2**23, sps1=20), SHAPE).structure
    with pytest.raises(StructureError, match=r"score_drop 2 is below 5"):
        compile_package(with_bits(4, sps1=6), coarse)
    narrow = compile_package(with_bits(15, sps1=20), SHAPE).structure
    assert wide.shortfalls(wide) == []
    assert (wide.wide_scores, narrow.wide_scores) == (0, 0)
    shared = cover([wide, narrow])  # sends more bits of the one that the other needs
    assert shared.wide_scores
    compile_package(with_bits(0, bias=2**23, sps1=20), shared)
    with pytest.raises(StructureError, match=r"class scores of \d\d bits are above 32"):
        compile_package(with_bits(0, bias=2**23, sps1=20), replace(shared, wide_scores=0))
