"""A NIR graph all the way to a package, whose golden model is the quantised network."""

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.flow.importing.asked import Asked
from spikewright.flow.importing.run import import_network


@pytest.fixture
def file(tmp_path) -> Path:
    """Four convolutions with neurons whose leaks are off the grid, and pools; a head."""
    rng = np.random.default_rng(1)

    def neurons(channels: int, *rest: int) -> nir.LIF:
        full = np.ones((channels, *rest))
        return nir.LIF(tau=full * 6.5e-4, r=full * 6.5, v_leak=full * 0, v_threshold=full * 0.6, v_reset=full * 0)

    nodes = {"in": nir.Input(input_type=np.array([1, 16, 16]))}
    for at, (inputs, outputs) in enumerate(pairwise((1, 6, 8, 8, 8))):
        side, two = 16 >> at, np.array([2, 2])
        nodes[f"conv{at}"] = nir.Conv2d(
            input_shape=(side, side), weight=rng.normal(0, 0.9, (outputs, inputs, 3, 3)) / inputs**0.5, stride=1,
            padding=1, dilation=1, groups=1, bias=rng.normal(0, 0.1, outputs),
        )  # fmt: skip
        nodes[f"lif{at}"] = neurons(outputs, side, side)
        nodes[f"pool{at}"] = nir.AvgPool2d(kernel_size=two, stride=two, padding=two * 0)
    nodes["flat"] = nir.Flatten(input_type={"input": np.array([8, 1, 1])}, start_dim=0, end_dim=-1)
    nodes["head"] = nir.Linear(weight=rng.normal(0, 0.3, (10, 8)))
    nodes["out"] = nir.Output(output_type=np.array([10]))
    nir.write(tmp_path / "net.nir", nir.NIRGraph(nodes, list(pairwise(nodes))))
    return tmp_path / "net.nir"


def asked(file: Path, **more: object) -> Asked:
    told = {"steps": 5, "dt": 1e-4, "reset": "subtract", "compare": "gt", "mean": (0.0,), "std": (1.0,), "images": 16}
    return Asked(**({"path": file, "calibrate": "digits"} | told | more))


def test_a_graph_becomes_a_package(file) -> None:
    report = import_network(asked(file), "net").report
    assert report.family == "NIR graph"
    assert any("rounding its leaks to sixteenths changes" in note for note in report.notes)
    assert any("leak 0.8462 becomes 0.875" in note for note in report.notes)
    fired = {name: row.rate for name, row in report.layers.items() if row.rate is not None}
    assert all(rate > 0.01 for rate in fired.values()), fired


@pytest.mark.parametrize(("more", "sentence"), [
    ({"dt": None}, "--dt"),
    ({"steps": None}, "--steps"),
    ({"reset": None}, "--reset"),
    ({"compare": None}, "--compare"),
    ({"mean": None}, "--mean is missing"),
    ({"calibrate": "mnist-5k"}, r"--calibrate: images of .* are \[28, 28, 1\]; allowed is \[16, 16, 1\]"),
])  # fmt: skip
def test_what_a_file_does_not_tell_is_asked_for(file, more, sentence) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        import_network(asked(file, **more), "net")
