"""Packages written and read again, and the helpers beside them."""

import os

import numpy as np
import pytest

from spikewright.models.package import (
    Package,
    PackageError,
    Scheme,
    ValueShape,
    WeightFormat,
    read_package,
    shapes,
    weight_values,
    write_package,
)
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package, random_spec

SPEC = NetworkSpec(height=8, width=12, channels=3, steps=2, dim=24, heads=3, depth=1, selectors=((0, 5),))


@pytest.mark.parametrize("seed", range(5))
def test_read_gives_what_was_written(tmp_path, seed):
    package = random_package(seed, random_spec(np.random.default_rng(seed)))
    write_package(package, tmp_path / "a")
    again = read_package(str(tmp_path / "a"))
    assert again.network == package.network
    assert set(again.tensors) == set(package.tensors)
    for name, tensor in package.tensors.items():
        assert again.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors[name], tensor)


def test_bytes_depend_on_content_only(tmp_path):
    package = random_package(3, SPEC)
    write_package(package, tmp_path / "a")
    shuffled = Package(package.network, dict(reversed(package.tensors.items())))
    write_package(shuffled, tmp_path / "b")
    write_package(read_package(tmp_path / "a"), tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_record_and_provenance_survive(tmp_path):
    package = random_package(3, SPEC)
    record = {f"record.{name}": np.arange(7, dtype=np.int16) for name in ("labels", "float", "quantised")}
    network = package.network.model_copy(update={"provenance": {"seed": 1, "accuracy": [0.5, None]}, "data": "digits"})
    write_package(Package(network, {**package.tensors, **record}), tmp_path / "a")
    again = read_package(tmp_path / "a")
    assert again.network.provenance == {"seed": 1, "accuracy": [0.5, None]}
    np.testing.assert_array_equal(again.tensors["record.float"], np.arange(7))


def test_a_refused_write_leaves_the_old_file_and_nothing_else(tmp_path):
    package = random_package(3, SPEC)
    write_package(package, tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    broken = Package(package.network, {**package.tensors, "extra": np.zeros(1, np.int8)})
    with pytest.raises(PackageError, match="no use for it"):
        write_package(broken, tmp_path / "a")
    unwritten = Package(package.network.model_copy(update={"provenance": {"x": float("nan")}}), package.tensors)
    with pytest.raises(PackageError, match=r"^network\.provenance: not JSON"):
        write_package(unwritten, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == before


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_package(random_package(3, SPEC), tmp_path / "a")
    assert not any(tmp_path.iterdir())


def test_a_write_that_fails_says_where(tmp_path):
    with pytest.raises(PackageError, match=r"gone/a: cannot be written: No such file or directory$"):
        write_package(random_package(3, SPEC), tmp_path / "gone" / "a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PackageError, match=r"folder: cannot be written: Is a directory$"):
        write_package(random_package(3, SPEC), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_weight_values():
    codes = np.arange(-7, 8, dtype=np.int8)
    uniform = weight_values(codes, WeightFormat(scheme=Scheme.UNIFORM, bits=4))
    pot = weight_values(codes, WeightFormat(scheme="pot", bits=4))
    assert uniform.dtype == pot.dtype == np.int64
    assert uniform.tolist() == codes.tolist()
    assert pot.tolist() == [-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64]


def test_shapes():
    value_shapes = shapes(random_package(3, SPEC).network)
    assert value_shapes["input"] == ValueShape(96, 3, (8, 12), False)
    assert value_shapes["sps0"] == ValueShape(96, 3, (8, 12), True)
    assert value_shapes["sps3.pool"] == ValueShape(6, 24, (2, 3), True)
    assert value_shapes["embed"] == ValueShape(6, 24, (2, 3), False)
    assert value_shapes["block0.select"] == ValueShape(5, 24, None, False)
    assert value_shapes["block0.fc1"] == ValueShape(5, 96, None, True)
    assert "head" not in value_shapes
