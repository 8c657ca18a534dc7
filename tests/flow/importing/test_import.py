"""From a file to a package: the whole way on a trained network, and what is refused on it."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.flow.importing.asked import Asked
from spikewright.flow.importing.images import given_images
from spikewright.flow.importing.run import import_network
from spikewright.models.data import load
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden

ROOT = Path(__file__).parents[3]
STATE = ROOT / "packages" / "digits" / "dense.safetensors"
#: The digits as the teacher read them: (p − mean)/std in steps of 1/32.
MEAN, STD = (0.30557,), (0.011754,)
TOLD = {"steps": 4, "heads": 4, "mean": MEAN, "std": STD}


def asked(**more: object) -> Asked:
    return Asked(**({"path": STATE, "calibrate": "digits", "images": 16} | TOLD | more))


@pytest.fixture(scope="module")
def imported():
    return import_network(asked(test="digits"), "net")


def test_eight_bits_cost_nothing(imported) -> None:
    report = imported.report
    assert report.accuracy.images == 360
    assert report.accuracy.golden == report.accuracy.quantised
    assert report.accuracy.float_ == 356
    assert abs(report.accuracy.quantised - 356) <= 3
    assert report.agreement == report.images == 8
    assert report.average_bits == 8
    assert report.warnings == ["port not checked against its source"]
    assert report.told == TOLD | {"mean": MEAN, "std": STD}
    assert report.assumed["pools"] == (3, 4)
    assert len(report.layers) == 27


def test_the_package_is_the_network(imported) -> None:
    images = load("digits").test.images[:8]
    trace = golden(imported.package, images)
    assert imported.package.network.provenance["import"]["family"] == "Spikformer, CIFAR layout"
    assert len(trace.classes) == 8


def test_arguments_of_a_checkpoint_tell_what_the_user_does_not(tmp_path) -> None:
    file = tmp_path / "best.pth.tar"
    arguments = argparse.Namespace(time_step=4, num_heads=4, mean=list(MEAN), std=list(STD), img_size=16)
    state = {f"module.{name}": tensor for name, tensor in load_file(STATE).items()}
    torch.save({"state_dict": state, "args": arguments, "epoch": 3}, file)
    silent = {"steps": None, "heads": None, "mean": None, "std": None}
    report = import_network(asked(path=file, **silent), "net").report
    assert report.read == {"steps": 4, "heads": 4, "mean": MEAN, "std": STD}
    assert report.where == {"state": "state_dict", "prefix": "module."}
    with pytest.raises(CheckpointError, match="--heads 8 contradicts the file"):
        import_network(asked(path=file, **(silent | {"heads": 8})), "net")


def test_a_search_for_an_average(tmp_path) -> None:
    report = import_network(asked(bits="3.5", images=8), "net", kept=tmp_path / "kept.json").report
    assert 3.4 < report.average_bits <= 3.5
    assert len(set(report.formats.values())) > 2
    assert json.loads((tmp_path / "kept.json").read_text())["layers"].keys() == {
        name for name, row in report.layers.items() if row.format
    }


@pytest.mark.parametrize(("more", "sentence"), [
    ({"heads": None}, "--heads is missing: attention is cut into heads"),
    ({"steps": None}, "--steps is missing"),
    ({"mean": None}, r"--mean is missing: images were normalised in training \(0 and 1: pixels as they are\)"),
    ({"heads": 5}, "must be a multiple of 8 and of heads = 5"),
    ({"mean": (0.1, 0.2)}, "--mean: 2 numbers; allowed are 1, one a channel"),
    ({"threshold": 0.0}, "--threshold and --attention-threshold must be above 0"),
    ({"bits": "9"}, "'9' is no format"),
    ({"calibrate": "mnist-5k"}, "height and width|reads"),
    ({"path": ROOT / "absent.pth"}, r"absent\.pth"),
    ({"path": ROOT / "README.md"}, r"README\.md"),
])  # fmt: skip
def test_what_is_missing_or_wrong(more: dict, sentence: str) -> None:
    if more.get("calibrate") == "mnist-5k":
        more |= {"test": "digits"}
        sentence = r"--test: images of .* are \[16, 16, 1\]; allowed is \[28, 28, 1\]"
    with pytest.raises(CheckpointError, match=sentence):
        import_network(asked(**more), "net")


def test_a_reference_is_held_against_the_port(tmp_path) -> None:
    """Written by the network itself, as the user's program would; another number of heads is caught."""
    from spikewright.flow.importing.ports import port

    network = port(asked()).build(torch.float64)
    inputs = torch.randn(3, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 32
    with torch.no_grad():
        np.savez(tmp_path / "ref.npz", inputs=inputs.numpy(), logits=network(inputs).numpy())
    report = import_network(asked(reference=tmp_path / "ref.npz", images=8), "net").report
    assert report.port["logits"] == 0
    assert "port not checked against its source" not in report.warnings
    with pytest.raises(CheckpointError, match="the port is not its source: class scores differ by"):
        import_network(asked(reference=tmp_path / "ref.npz", heads=2), "net")
    arrays = dict(np.load(tmp_path / "ref.npz").items())
    np.savez(tmp_path / "odd.npz", **arrays, **{"spikes.block.9.q": np.zeros((4, 3, 16, 64), bool)})
    with pytest.raises(CheckpointError, match=r"spikes\.block\.9\.q is of no layer; layers are patch_embed\."):
        import_network(asked(reference=tmp_path / "odd.npz"), "net")


def test_mean_and_std_are_never_passed_over(tmp_path) -> None:
    """Frames of grey levels are normalised as told; without, they are counts, and the report says so."""
    frames = np.repeat(load("digits").train.images[:8, None], 4, axis=1)
    np.savez(tmp_path / "frames.npz", images=frames)
    told = asked(calibrate=str(tmp_path / "frames.npz"))
    assert import_network(told, "net").package.network.input.signed
    counts = import_network(asked(calibrate=str(tmp_path / "frames.npz"), mean=None, std=None), "net")
    assert counts.report.assumed["pixels"] == "counts of events"
    assert not counts.package.network.input.signed
    with pytest.raises(CheckpointError, match="--std is missing"):
        import_network(asked(calibrate=str(tmp_path / "frames.npz"), std=None), "net")


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda f: np.savez(f, pictures=np.zeros((2, 4, 4), np.uint8)), "holds pictures; allowed is an array images"),
    (lambda f: np.savez(f, images=np.zeros((2, 4, 4))), r"images are float64 \[2, 4, 4\]; allowed is uint8"),
    (lambda f: np.savez(f, images=np.zeros((2, 4, 4), np.uint8), labels=np.zeros(3, int)), r"labels are int64 \[3\]"),
    (lambda f: f.write_bytes(b"PK"), "not a whole file of plain arrays"),
])  # fmt: skip
def test_arrays_that_are_no_images(make, sentence: str, tmp_path) -> None:
    make(tmp_path / "x.npz")
    with pytest.raises(CheckpointError, match=sentence):
        given_images(str(tmp_path / "x.npz"), channels=1, part="train")


def test_images_from_everywhere(tmp_path) -> None:
    from PIL import Image

    pictures = np.arange(2 * 16).reshape(2, 4, 4).astype(np.uint8)
    np.save(tmp_path / "x.npy", pictures)
    assert given_images(str(tmp_path / "x.npy"), channels=1, part="train").images.shape == (2, 4, 4, 1)
    for at, picture in enumerate(pictures):
        (tmp_path / "some").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "some" / f"{at}.png")
    given = given_images(str(tmp_path / "some"), channels=1, part="train")
    assert given.labels is None
    assert np.array_equal(given.images[..., 0], pictures)
    assert given_images("digits:1", channels=1, part="test").labels is not None
    with pytest.raises(CheckpointError, match="holds no images; allowed is"):
        given_images(str(tmp_path / "absent"), channels=1, part="train")


def test_a_written_package_is_read_again(imported, tmp_path) -> None:
    from spikewright.models.package import write_package

    write_package(imported.package, tmp_path / "net.safetensors")
    again = read_package(tmp_path / "net.safetensors")
    assert again.network == imported.package.network
