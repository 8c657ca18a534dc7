"""The intervals hold every number (the interpreter checks each), and are tight where that can be enumerated."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.front.ir import Bounds, Interval, IRError, Weights
from spikewright.compiler.front.ir_json import dump
from spikewright.compiler.front.neuron import Neuron
from spikewright.compiler.passes import intervals, planes
from spikewright.models.package import Compare, Reset, Scheme
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package, spikformer_384

SPEC = NetworkSpec(height=8, width=8, channels=2, steps=3, dim=16, heads=2, depth=2, selectors=((1, 3),))
PACKAGE = random_package(6, SPEC)
GRAPH = planned_graph(PACKAGE)


def test_every_interval_is_filled():
    assert all(value.interval is not None for value in GRAPH.values.values())
    for op in GRAPH.ops:
        for field in ("accumulator", "membrane", "hidden_accumulator", "score_accumulator"):
            assert getattr(op, field, True) is not None, (op.name, field)
    assert GRAPH.op("head").score == GRAPH.values["head"].interval
    assert GRAPH.values["embed"].interval == Interval(0, 2)
    assert GRAPH.values["block1.add2"].interval == Interval(0, 6)
    assert GRAPH.op("block0.attention").accumulator.low == 0
    assert GRAPH.op("block0.attention").accumulator.high <= 4 * 8  # N * d


NARROWED = [
    (op.name, field)
    for op in GRAPH.ops
    for field in ("accumulator", "membrane", "hidden_accumulator", "score_accumulator", "score")
    if isinstance(getattr(op, field, None), Interval)
]


@pytest.mark.parametrize(("name", "field"), NARROWED)
def test_the_interpreter_notices_a_number_outside(name, field):
    broken = GRAPH.with_ops([replace(GRAPH.op(name), **{field: Interval(10**9, 10**9)})])
    with pytest.raises(IRError, match=rf"^{name}: {field.replace('_', ' ')} Interval.* leaves its Interval"):
        interpret(broken, random_images(1, 2, SPEC))


@pytest.mark.parametrize("name", ["input", "sps0", "embed", "block1.select", "head"])
def test_the_interpreter_notices_a_value_outside(name):
    broken = GRAPH.with_values([replace(GRAPH.values[name], interval=Interval(10**9, 10**9))])
    with pytest.raises(IRError, match=rf"^{name}: value Interval.* leaves its Interval"):
        interpret(broken, random_images(1, 2, SPEC))


def test_passes_are_pure():
    before = import_package(PACKAGE)
    text = dump(before)[0]
    after = planes(intervals(before))
    assert dump(before)[0] == text != dump(after)[0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sums_are_tight(data):
    fan_in = data.draw(st.integers(1, 4))
    codes = np.array(data.draw(st.lists(st.integers(-7, 7), min_size=fan_in, max_size=fan_in)), np.int8).reshape(1, -1)
    scheme = data.draw(st.sampled_from(list(Scheme)))
    weights = Weights(scheme, 4, codes)
    low = np.array(data.draw(st.lists(st.integers(-3, 2), min_size=fan_in, max_size=fan_in)))
    high = low + np.array(data.draw(st.lists(st.integers(0, 3), min_size=fan_in, max_size=fan_in)))
    bounds = weights.bounds(Bounds(low, high))
    choices = [sorted({0, *range(a, b + 1)}) for a, b in zip(low, high, strict=True)]
    reached = [int(weights.values[0] @ np.array(x)) for x in product(*choices)]
    assert bounds.hull == Interval(min(reached), max(reached))


@pytest.mark.parametrize("reset", Reset)
@pytest.mark.parametrize("compare", Compare)
@settings(max_examples=60, deadline=None)
@given(
    low=st.integers(-9, 9),
    span=st.integers(0, 6),
    leak=st.integers(0, 16),
    threshold=st.integers(1, 12),
    bias=st.integers(-6, 6),
    steps=st.integers(1, 4),
)
def test_membranes_hold_all_and_spikes_are_tight(reset, compare, low, span, leak, threshold, bias, steps):
    neuron = Neuron(np.array([leak]), reset, compare, 0, np.array([threshold]), np.array([bias]))
    bounds, spikes = neuron.bounds(Bounds(np.array([low]), np.array([low + span])), steps)
    states, seen, fired_ever = {0}, {0}, set()
    for _ in range(steps):
        following = set()
        for u, x in product(states, range(low, low + span + 1)):
            leaked = (leak * u) // 16 if compare is Compare.GE else -((-leak * u) // 16)
            u = leaked + x + bias
            fired = u >= threshold if compare is Compare.GE else u > threshold
            seen.add(u)
            fired_ever.add(int(fired))
            following.add((0 if reset is Reset.HARD else u - threshold) if fired else u)
        seen |= following
        states = following
    assert bounds.hull.contains(Interval(min(seen), max(seen)))
    assert spikes.hull.contains(Interval(min(fired_ever), max(fired_ever)))
    if steps == 1:
        assert bounds.hull == Interval(min(seen), max(seen))
        assert spikes.hull == Interval(min(fired_ever), max(fired_ever))


def test_interval():
    assert [Interval(0, high).bits for high in (0, 1, 2, 3, 4, 255)] == [1, 1, 2, 2, 3, 8]
    pairs = [(-1, 0), (-1, 1), (-2, 1), (-3, 0), (-128, 127), (-128, 128), (-5, -4)]
    assert [Interval(*pair).bits for pair in pairs] == [1, 2, 2, 3, 8, 9, 4]
    assert Interval(-1, 0).signed
    assert not Interval(0, 3).signed
    assert Interval(0, 3).hull(Interval(-2, 1)) == Interval(-2, 3)
    with pytest.raises(IRError, match="interval: low 2 is above high 1"):
        Interval(2, 1)


@pytest.mark.parametrize(("bits", "signed"), [(8, True), (8, False), (4, True), (1, False)])
def test_planes(bits, signed):
    spec = replace(SPEC, image_bits=bits, image_signed=signed)
    graph = planned_graph(random_package(3, spec))
    image = graph.values["input"]
    assert (image.planes, image.signed) == (bits, signed)
    assert graph.values["sps0"].planes == 1
    assert [graph.values[name].planes for name in ("embed", "block0.add1", "block0.add2", "block1.add2")] == [
        2,
        2,
        3,
        3,
    ]
    assert graph.values["head"].planes == 0


def test_planes_follow_the_table_not_its_format():
    tensors = {**PACKAGE.tensors, "input.table": np.clip(PACKAGE.tensors["input.table"], 0, 5).astype(np.int16)}
    graph = planned_graph(replace(PACKAGE, tensors=tensors))
    assert (graph.values["input"].planes, graph.values["input"].signed) == (3, False)


def test_planes_need_intervals():
    with pytest.raises(IRError, match="run the intervals pass first"):
        planes(import_package(PACKAGE))


def test_a_384_network_is_quick():
    graph = planned_graph(spikformer_384())
    assert graph.values["block3.add2"].interval == Interval(0, 10)
    assert graph.op("sps0").accumulator.bits <= 20
