"""Class scores too wide for their word: the sentence names the head, whose bits are to blame, and what helps."""

import numpy as np
import pytest

from spikewright.compiler.compile import compile_package
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Network, Package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

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


def refusal(package: Package) -> str:
    with pytest.raises(LoweringError) as caught:
        compile_package(package, SHAPE)
    return str(caught.value)


def test_another_layer_is_named_and_what_it_may_have_is_enough():
    text = refusal(with_bits(2, sps1=20))
    assert text == (
        "head: class scores need 38 bits, at most 32: sps1, of 20 fraction bits, has the finest membrane grid, give no "
        "layer more than 14 fraction bits"
    )
    compile_package(with_bits(2, sps1=14), SHAPE)
    assert "class scores need 33 bits" in refusal(with_bits(2, sps1=15))


def test_the_head_itself_is_to_blame():
    text = refusal(with_bits(20, sps1=20))
    assert text.endswith(
        "give no layer, the head included, more than 14 fraction bits, or make the head's weights smaller"
    )
    compile_package(with_bits(14, sps1=14), SHAPE)


def test_biases_that_no_fraction_bits_make_narrower():
    text = refusal(with_bits(0, bias=2**31 - 1))
    assert text.endswith(": make the head's weights and biases smaller, or let it sum over fewer tokens or steps")
    compile_package(with_bits(0, bias=2**23), SHAPE)
