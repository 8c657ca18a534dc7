"""The interpreter equals the golden model exactly: after the importer, after every pass, and through JSON."""

import json

import numpy as np
import pytest

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.front.ir import IRError
from spikewright.compiler.front.ir_json import dump, load
from spikewright.compiler.passes import FRONT_PASSES, run_passes
from spikewright.models.package import Package, PackageError
from spikewright.sim import golden
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package, random_spec

ODD = [
    NetworkSpec(height=6, width=10, channels=3, steps=1, dim=21, heads=3, depth=1, pools=(True, False, False, False)),
    NetworkSpec(height=4, width=4, channels=3, steps=2, dim=17, heads=1, depth=1, pools=(False,) * 4, leak=16),
    NetworkSpec(
        height=14,
        width=2,
        channels=1,
        steps=5,
        dim=30,
        heads=5,
        depth=2,
        selectors=((0, 5), (1, 3)),
        leak=0,
        pools=(True, False, False, False),
    ),
    NetworkSpec(
        height=16,
        width=48,
        channels=2,
        steps=8,
        dim=18,
        heads=2,
        depth=1,
        pools=(True,) * 4,
        leak=11,
        reset=None,
        compare=None,
        selectors=((0, 1),),
    ),
    NetworkSpec(
        height=5,
        width=3,
        channels=3,
        steps=8,
        dim=20,
        heads=4,
        depth=1,
        pools=(False,) * 4,
        leak=5,
        reset=None,
        compare=None,
        image_bits=1,
        image_signed=False,
    ),
]


def same(graph, images, trace):
    out = interpret(graph, images)
    for name, value in trace.values.items():
        np.testing.assert_array_equal(out[name], value.numpy(), err_msg=name)
    for name, kept in trace.kept.items():
        np.testing.assert_array_equal(out[f"{name}.kept"], kept.numpy(), err_msg=name)
    np.testing.assert_array_equal(out["head"], trace.scores.numpy())
    np.testing.assert_array_equal(out["head"].argmax(1), trace.classes.numpy())


def ladder(package, images):
    trace = golden.run(package, images)
    graph = import_package(package)
    same(graph, images, trace)
    for transform in FRONT_PASSES:
        graph = run_passes(graph, (transform,))
        same(graph, images, trace)
    text, tensors = dump(graph)
    again = load(text, tensors)
    assert dump(again)[0] == text
    same(again, images, trace)


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed):
    spec = random_spec(np.random.default_rng([1, seed]))
    ladder(random_package(seed, spec), random_images(seed + 500, 4, spec))


@pytest.mark.parametrize("spec", ODD, ids=lambda spec: f"T{spec.steps}-D{spec.dim}-N{spec.tokens}-m{spec.leak}")
def test_odd_networks(spec):
    ladder(random_package(1, spec), random_images(2, 5, spec))


SPEC = NetworkSpec(height=4, width=4, steps=2, dim=16, heads=2, depth=1, pools=(False, False, False, True))


def graph():
    return planned_graph(random_package(1, SPEC))


def test_json_is_whole_and_deterministic():
    text, tensors = dump(graph())
    assert text == dump(graph())[0]
    raw = json.loads(text)
    assert raw["schema_version"] == 1
    assert {"embed.interval", "sps0.weights.codes"} & set(tensors) == {"sps0.weights.codes"}
    again = load(text, tensors)
    assert again.values["embed"] == graph().values["embed"]
    assert again.op("rpe").neuron.reset is graph().op("rpe").neuron.reset


def test_json_that_is_no_graph():
    text, tensors = dump(graph())
    raw = json.loads(text)
    for change, message in [
        ({"schema_version": 2}, "graph: schema version 2 is not supported"),
        ({"steps": ...}, "graph: not the JSON of a graph (KeyError: 'steps')"),
        ({"image": {"height": 1}}, "input: has the fields ['height']; a ImageInput has"),
    ]:
        changed = {k: v for k, v in {**raw, **change}.items() if v is not ...}
        with pytest.raises(IRError) as caught:
            load(json.dumps(changed), tensors)
        assert str(caught.value).startswith(message)
    del tensors["sps0.weights.codes"]
    with pytest.raises(IRError, match=r"KeyError: 'sps0\.weights\.codes'"):
        load(text, tensors)
    with pytest.raises(IRError, match="JSONDecodeError"):
        load("{", tensors)


def test_images_that_do_not_fit():
    with pytest.raises(IRError, match=r"^images: uint8 \[2, 4, 5, 1\]; allowed is uint8 \[B, 4, 4, 1\]$"):
        interpret(graph(), np.zeros((2, 4, 5, 1), np.uint8))
    with pytest.raises(IRError, match=r"^images: float64"):
        interpret(graph(), np.zeros((2, 4, 4, 1)))


def test_the_importer_checks_the_package():
    package = random_package(1, SPEC)
    with pytest.raises(PackageError, match=r"^tensor 'rpe\.bias': missing"):
        import_package(Package(package.network, {k: t for k, t in package.tensors.items() if k != "rpe.bias"}))
