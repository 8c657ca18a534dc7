"""Every graph the verifier refuses."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.front.ir import Interval, IRError
from spikewright.compiler.front.verify import verify
from spikewright.compiler.passes import run_passes
from spikewright.models.package import Scheme
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(
    height=4, width=4, steps=2, dim=16, heads=2, depth=1, pools=(False, False, False, True), selectors=((0, 3),)
)
GRAPH = planned_graph(random_package(1, SPEC))


def value(name, **changes):
    return GRAPH.with_values([replace(GRAPH.values[name], **changes)])


def op(name, **changes):
    return GRAPH.with_ops([replace(GRAPH.op(name), **changes)])


def part(name, field, **changes):
    return op(name, **{field: replace(getattr(GRAPH.op(name), field), **changes)})


CODES = GRAPH.op("rpe").weights.codes
CASES = {
    "graph: schema version 2 is not supported; allowed is 1": replace(GRAPH, schema_version=2),
    "graph: a head is the last op, and the last op is a head": replace(GRAPH, ops=GRAPH.ops[:-1]),
    "image: table leaves -2..1": replace(GRAPH, image=replace(GRAPH.image, bits=2)),
    "image: table has shape (1, 256)": replace(GRAPH, image=replace(GRAPH.image, channels=2)),
    "sps0: the name is used twice": replace(GRAPH, ops=(GRAPH.ops[0], *GRAPH.ops)),
    "sps0: reads 'nothing', which no earlier op makes": op("sps0", inputs=("nothing",)),
    "sps0: steps is 1; its op makes 2": value("sps0", steps=1),
    "sps0: spikes is False; its op makes True": value("sps0", spikes=False),
    "sps3.pool: grid is (4, 4); its op makes (2, 2)": value("sps3.pool", grid=(4, 4)),
    "block0.select: tokens is 4; its op makes 3": value("block0.select", tokens=4),
    "rpe: codes have shape (16, 15, 3, 3); allowed is (16, 16, 3, 3)": part("rpe", "weights", codes=CODES[:, 1:]),
    "rpe: codes have dtype int64; allowed is int8": part("rpe", "weights", codes=CODES.astype(np.int64)),
    "rpe: uniform weights of 9 bits": part("rpe", "weights", bits=9, scheme=Scheme.UNIFORM),
    "rpe: a threshold is below 1": part("rpe", "neuron", threshold=np.zeros(16, np.int64)),
    "rpe: leak 17; allowed is 0 to 16": part("rpe", "neuron", leak=np.full(16, 17)),
    "rpe: reset 'hard' is not a Reset": part("rpe", "neuron", reset="hard"),
    "rpe: compare 'gt' is not a Compare": part("rpe", "neuron", compare="gt"),
    "rpe: scheme 'pot' is not a Scheme": part("rpe", "weights", scheme="pot"),
    "rpe: 21 fraction bits; allowed are 0 to 20": part("rpe", "neuron", fraction_bits=21),
    "block0.attention: 3 heads, 16 channels": op("block0.attention", heads=3),
    "block0.attention: attention neurons have no bias": part("block0.attention", "neuron", bias=np.ones(16, np.int64)),
    "block0.attention: reads 2 values; a attention reads 3": op("block0.attention", inputs=("block0.q", "block0.k")),
    "block0.attention: query, key and value must be spikes": op("block0.attention", inputs=("block0.select",) * 3),
    "block0.select: keeps 5 of 4 tokens": op("block0.select", keep=5),
    "block0.select: shift 32; allowed is 0 to 31": op("block0.select", shift=32),
    "block0.q: a linear cannot read the image": op("block0.q", inputs=("input",)),
    "embed: 'rpe' and 'sps3' differ in tokens": op("embed", inputs=("rpe", "sps3")),
    "sps0: spikes with the interval Interval(low=0, high=2)": value("sps0", interval=Interval(0, 2)),
    "embed: 1 planes hold Interval(low=0, high=1), not Interval(low=0, high=2)": value("embed", planes=1),
    "embed: 2 planes hold Interval(low=-2, high=1), not Interval(low=0, high=2)": value("embed", signed=True),
    "embed: planes without an interval": value("embed", interval=None),
    "graph: values ['other'] are made by no op": value("sps0").with_values(
        [replace(GRAPH.values["rpe"], name="other")]
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_refused(text):
    with pytest.raises(IRError) as caught:
        verify(CASES[text])
    assert str(caught.value) == text


def test_codes_in_range():
    limit = (1 << GRAPH.op("rpe").weights.bits - 1) - 1
    with pytest.raises(IRError, match=rf"^rpe: a code leaves -{limit}\.\.{limit}$"):
        verify(part("rpe", "weights", codes=np.full_like(CODES, -128)))


def test_a_missing_value():
    values = {name: v for name, v in GRAPH.values.items() if name != "rpe"}
    with pytest.raises(IRError, match=r"^rpe: the graph has no value of this name$"):
        verify(replace(GRAPH, values=values))


def test_a_pass_that_breaks_the_graph_is_caught():
    with pytest.raises(IRError, match=r"^sps0: steps is 1"):
        run_passes(GRAPH, (lambda graph: graph.with_values([replace(graph.values["sps0"], steps=1)]),))


def test_good():
    verify(GRAPH)
