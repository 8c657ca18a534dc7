"""Random packages: valid, deterministic, of the shape asked for, and alive."""

import numpy as np
import pytest

from spikewright.models.package import Scheme, shapes, write_package
from spikewright.sim import golden
from spikewright.sim.stimulus.random_networks import (
    NetworkSpec,
    random_images,
    random_package,
    random_spec,
    spikformer_384,
    spikformer_384_spec,
)


@pytest.mark.parametrize("seed", range(20))
def test_alive(seed):
    spec = random_spec(np.random.default_rng(seed))
    package = random_package(seed, spec)
    trace = golden.run(package, random_images(seed + 100, 12, spec))
    rates = {
        op.name: trace.values[op.name].double().mean().item() for op in package.network.ops if hasattr(op, "neuron")
    }
    low = [name for name, rate in rates.items() if not 0.005 <= rate <= 0.6]
    assert not low, rates
    usual = [rate for rate in rates.values() if 0.04 <= rate <= 0.45]
    assert len(usual) >= 0.8 * len(rates), rates
    assert len({tuple(row) for row in trace.scores.tolist()}) > 6


def test_same_seed_same_bytes(tmp_path):
    spec = random_spec(np.random.default_rng(1))
    for name, seed in (("a", 8), ("b", 8), ("c", 9)):
        write_package(random_package(seed, spec), tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c
    np.testing.assert_array_equal(random_images(1, 3, spec), random_images(1, 3, spec))


def test_the_space_is_covered():
    specs = [random_spec(np.random.default_rng(seed)) for seed in range(60)]
    assert {spec.steps for spec in specs} == {1, 2, 4, 5, 8}
    assert {spec.channels for spec in specs} == {1, 2, 3}
    assert {len(spec.selectors) for spec in specs} == {0, 1, 2}
    assert any(spec.dim % 2 for spec in specs)
    assert any(spec.tokens & spec.tokens - 1 for spec in specs)
    packages = [random_package(seed, specs[seed], samples=1) for seed in range(10)]
    forms = {(op.weights.scheme, op.weights.bits) for p in packages for op in p.network.ops if hasattr(op, "weights")}
    assert {(Scheme.POT, 3), (Scheme.POT, 4), (Scheme.UNIFORM, 2), (Scheme.UNIFORM, 5)} <= forms
    neurons = [op.neuron for p in packages for op in p.network.ops if hasattr(op, "neuron")]
    assert len({(neuron.reset, neuron.compare) for neuron in neurons}) == 4
    codes = [t for p in packages for name, t in p.tensors.items() if name.endswith(".codes")]
    assert any((t.reshape(len(t), -1) == 0).all(axis=1).any() for t in codes)


def test_spec_is_obeyed():
    spec = NetworkSpec(
        height=32, width=32, channels=3, dim=96, heads=3, depth=3, mlp_ratio=2, selectors=((1, 44), (2, 31))
    )
    package = random_package(0, spec, samples=2)
    value_shapes = shapes(package.network)
    assert spec.tokens == 64
    tokens = [value_shapes[name].tokens for name in ("embed", "block0.add2", "block1.add2", "block2.add2")]
    assert tokens == [64, 64, 44, 31]
    assert value_shapes["block2.fc1"].channels == 192
    assert package.network.op("head").channels == 10


def test_spikformer_384():
    package, spec = spikformer_384(), spikformer_384_spec()
    codes = {name: t for name, t in package.tensors.items() if name.endswith(".codes") and "select" not in name}
    total, kept = sum(t.size for t in codes.values()), sum(int((t != 0).sum()) for t in codes.values())
    assert total == 9_281_040
    assert 0.055 < kept / total < 0.062
    value_shapes = shapes(package.network)
    assert [value_shapes[f"block{i}.add2"].tokens for i in range(4)] == [64, 44, 31, 21]
    trace = golden.run(package, random_images(0, 1, spec))
    rates = [trace.values[op.name].double().mean().item() for op in package.network.ops if hasattr(op, "neuron")]
    assert all(0.03 < rate < 0.6 for rate in rates)
