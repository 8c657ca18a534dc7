"""Sparse codes in a package file: packed where that is smaller, read back exactly, and refused where bits are wrong."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from spikewright.models.package import Package, PackageError, read_package, write_package
from spikewright.models.packing import BITS, KEPT, packed
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(height=8, width=12, channels=3, steps=2, dim=24, heads=3, depth=1, selectors=((0, 5),))
NAME = "block0.fc1.codes"


@pytest.fixture
def sparse() -> Package:
    package = random_package(3, SPEC)
    rng = np.random.default_rng(1)
    tensors = {
        name: t * (rng.random(t.shape) < 0.1).astype(t.dtype) if name.endswith(".codes") else t
        for name, t in package.tensors.items()
    }
    return Package(package.network, tensors)


def test_sparse_codes_are_packed_and_dense_ones_are_not(sparse, tmp_path):
    write_package(sparse, tmp_path / "a")
    stored = load((tmp_path / "a").read_bytes())
    assert NAME not in stored
    codes = sparse.tensors[NAME].reshape(-1)
    assert stored[NAME + BITS].nbytes == -(-codes.size // 8)
    assert np.array_equal(stored[NAME + KEPT], codes[codes != 0])
    again = read_package(tmp_path / "a")
    assert all(
        np.array_equal(again.tensors[n], t) and again.tensors[n].dtype == t.dtype for n, t in sparse.tensors.items()
    )
    full = {NAME: np.ones((3, 5), np.int8)}
    assert packed(full) == full


def test_a_file_with_unpacked_codes_is_as_good(sparse, tmp_path):
    write_package(sparse, tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size])["__metadata__"]
    (tmp_path / "b").write_bytes(save(dict(sparse.tensors), metadata=metadata))
    assert np.array_equal(read_package(tmp_path / "b").tensors[NAME], sparse.tensors[NAME])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.update({NAME + KEPT: t[NAME + KEPT][:-1]}), "a code for each bit that is 1"),
        (lambda t: t.update({NAME + BITS: t[NAME + BITS][:-1]}), "a bit for each of"),
        (lambda t: t.update({NAME + KEPT: t[NAME + KEPT] * 0}), "a code whose bit is 1 must not be 0"),
        (lambda t: t.pop(NAME + KEPT), "missing"),
        (lambda t: t.update({NAME: np.zeros(3, np.int8)}), "no use for it"),
    ],
)
def test_bits_and_codes_that_do_not_belong_together_are_refused(sparse, tmp_path, change, text):
    write_package(sparse, tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    stored = load(data)
    change(stored)
    (tmp_path / "b").write_bytes(save(stored, metadata=metadata))
    with pytest.raises(PackageError, match=text):
        read_package(tmp_path / "b")
