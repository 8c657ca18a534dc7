"""The commands on a small network: what they write, and what they say."""

import hashlib
import json
import re

import numpy as np
import pytest

from spikewright.cli import app
from spikewright.commands.demo import show_report
from spikewright.flow.report import Report
from spikewright.models.package import read_package
from spikewright.sim.golden import run as run_golden
from spikewright.sim.stimulus.random_networks import random_images
from spikewright.view.verify import faults

KEYS = {
    "accuracy": {"float", "quantised", "golden", "rtl"},
    "weights": {"total", "kept", "sparsity", "average_bits", "compression"},
    "tokens": {"initial", "kept"},
    "cycles": {"per_image", "predicted", "layers", "breakdown"},
    "utilisation": {"dense", "weight_sparse", "dual_sparse"},
    "structure": {"lanes", "banks", "streams", "widths", "depths"},
}


@pytest.mark.parametrize("command", [None, *(command.callback.__name__ for command in app.registered_commands)])
def test_help_has_an_example(command, run):
    result = run(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert command is None or f"Example: spikewright {command}" in " ".join(result.output.replace("│", " ").split())


def test_version_and_boards(run):
    assert run("--version").output.startswith("spikewright ")
    assert "orangecrab-85f" in run("boards").output


def test_info(generated, run):
    printed = run("info", generated / "package.safetensors").output
    assert "block1.select" in printed
    assert "weights" in printed
    assert run("info", generated).output == printed, "the folder of a package stands for it"


def test_build_folder(generated, run, tmp_path):
    build = generated / "BUILD"
    manifest = json.loads((build / "manifest.json").read_text())
    files = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith(("report", "traces", "timing"))} == {
        "manifest.json",
        *manifest["files"],
    }
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((build / name).read_bytes()).hexdigest() == digest
    program = json.loads((build / "program.json").read_text())
    assert program["descriptors"][0]["kind"] == "LOAD"
    descriptors = program["descriptors"]
    assert sum(descriptor["cycles"] for descriptor in descriptors) == program["predicted_cycles"]
    for descriptor in descriptors:
        assert sum(descriptor["breakdown"].values()) == pytest.approx(descriptor["cycles"], abs=0.01)
    assert (build / "package.safetensors").read_bytes() == (generated / "package.safetensors").read_bytes()
    # again, over itself: the same bytes
    again = tmp_path / "BUILD"
    words = ["--board", "ulx3s-25f", "--lanes", 16, "--banks", 2, "--streams", 1, "-o", again]
    for _ in range(2):
        assert run("generate", generated / "package.safetensors", *words).exit_code == 0
    assert (again / "manifest.json").read_bytes() == (build / "manifest.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["BUILD"]


def test_simulate_compare_report(generated, spec, run, tmp_path, capsys):
    np.save(tmp_path / "x.npy", random_images(8, 3, spec))
    build = generated / "BUILD"
    result = run("simulate", build, "--input", tmp_path / "x.npy")
    assert result.exit_code == 0, result.output
    assert "cycles an image" in result.output
    result = run("compare", build, "--input", tmp_path / "x.npy")
    assert result.exit_code == 0, result.output
    assert "bit-exact: 3 images" in result.output
    first = (build / "report.json").read_bytes()
    report = json.loads(first)
    for name, keys in KEYS.items():
        assert keys <= set(report[name]), name
    assert (report["bit_exact"], report["images"], report["mismatches"]) == (True, 3, 0)
    assert report["board"] == "ulx3s-25f"
    cycles = report["cycles"]
    assert sum(cycles["breakdown"].values()) == pytest.approx(cycles["per_image"], abs=0.01)
    assert sum(row["cycles"] for row in cycles["layers"].values()) == pytest.approx(cycles["per_image"], abs=0.05)
    assert sum(row["share"] for row in cycles["layers"].values()) == pytest.approx(1, abs=1e-4)
    golden = run_golden(read_package(generated / "package.safetensors"), np.load(tmp_path / "x.npy"))
    fired = {name: row["fired"] for name, row in report["layers"].items() if row["fired"] is not None}
    assert len(fired) > 10
    for name, share in fired.items():
        assert share == pytest.approx(float(golden.values[name].double().mean()), abs=1e-6), name
    assert faults((build / "report.html").read_text(), build) == []
    assert sum(report["needs"]["lut_units"].values()) == pytest.approx(report["needs"]["lut"], abs=10)
    assert sum(report["needs"]["block_ram"].values()) == report["needs"]["blocks"]
    used = report["utilisation"]
    assert used["dense"] >= used["weight_sparse"] >= used["dual_sparse"] > 0
    codes = [
        t for name, t in read_package(generated / "package.safetensors").tensors.items() if name.endswith(".codes")
    ]
    assert report["weights"]["total"] == sum(t.size for t in codes)
    assert report["weights"]["kept"] == sum(int(np.count_nonzero(t)) for t in codes)
    assert report["tokens"] == {"initial": 16, "kept": [9]}
    smaller = report["weights"]["compression"]
    show_report(Report.model_validate(report))
    row = " / ".join(f"{smaller[way]:.1f}x" for way in ("bits", "weights", "stored"))
    assert re.search(rf"^ compression +{row} +smaller than float: by bits", capsys.readouterr().out, re.MULTILINE)
    # a second comparison takes the simulator that is there, and says the same
    assert run("compare", build, "--input", tmp_path / "x.npy").exit_code == 0
    assert (build / "report.json").read_bytes() == first
    assert json.loads((build / "timing.json").read_text())["simulator_build_seconds"] < 5
    # the test images of a recipe, whose classes are known
    np.savez(tmp_path / "mine.npz", images=random_images(8, 40, spec), labels=np.arange(40) % 10)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndata: {npz: mine.npz}\nconstraints: {quantisers: {layers: {'*': {scheme: pot, bits: 3}}}}\n"
    )
    printed = run("simulate", build, "--input", tmp_path / "mine.yaml", "--images", 2).output
    assert "test images of npz mine.npz" in printed
    assert " of 2 right" in printed
