"""Random graphs over the whole format: a second reader, written from docs/package.md alone, gets the golden values."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from safetensors.numpy import save
from second_reader import Reader

from spikewright.models.package import Package, network_json, read_package
from spikewright.models.packing import packed
from spikewright.sim.golden import run
from spikewright.sim.stimulus.hostile.bases import base_package

COUNT = 100


@pytest.fixture(scope="module")
def cases():
    """Packages, of every op and of what ops may leave out; small, because a plain reader is slow."""
    drawn = (base_package(np.random.default_rng([seed, 5]), rare=0.2) for seed in range(1000))
    sizes = ((p, p.network.input.height * p.network.input.width * p.network.steps) for p in drawn)
    return list(islice((package for package, size in sizes if size < 97), COUNT))


def bytes_of(package: Package, pack: bool) -> bytes:
    tensors = packed(package.tensors) if pack else dict(package.tensors)
    return save(tensors, metadata={"spikewright": network_json(package.network)})


@pytest.mark.parametrize("seed", range(COUNT))
def test_every_value_is_the_golden_one(cases, seed, tmp_path):
    package, rng = cases[seed], np.random.default_rng(seed)
    (tmp_path / "p").write_bytes(bytes_of(package, seed % 2 == 0))
    package, reader = read_package(tmp_path / "p"), Reader((tmp_path / "p").read_bytes())
    image = package.network.input
    frames = (package.network.steps,) if image.frames else ()
    pixels = rng.integers(0, 256, (*frames, image.height, image.width, image.channels)).astype(np.uint8)
    golden = run(package, pixels[None])
    assert reader.run(pixels.tolist()) == golden.scores[0].tolist()
    for name, value in golden.values.items():
        assert reader.values[name] == value[0].tolist(), name


def test_everything_is_met(cases):
    met: Counter[str] = Counter()
    for case in cases:
        met["frames"] += case.network.input.frames
        for op in case.network.ops:
            met[op.kind] += 1
            for field in ("shortcut", "limit"):
                met[field] += getattr(op, field, None) is not None
            met["count"] += getattr(op, "function", "or") == "count"
            neuron = getattr(op, "neuron", None)
            met["leaks"] += neuron is not None and neuron.leak is None
    kinds = ("conv", "pool", "add", "linear", "attention", "select", "head")
    assert all(met[what] for what in (*kinds, "frames", "shortcut", "limit", "count", "leaks")), met
