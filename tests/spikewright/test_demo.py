"""The demo of every committed package, on a few test images."""

import json
from pathlib import Path

import pytest

from spikewright.models.package import read_package
from spikewright.view.verify import faults

NAMES = sorted(path.parent.name for path in Path("packages").glob("*/package.safetensors"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_the_demo_of_a_committed_package_is_bit_exact(name, run, tmp_path):
    result = run("demo", name, "--images", 4, "-o", tmp_path / "demo")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["bit_exact"]
    assert report["images"] == 4
    package = read_package(f"packages/{name}/package.safetensors")
    right = int((package.tensors["record.quantised"] == package.tensors["record.labels"])[:4].sum())
    assert report["accuracy"]["rtl"] == {"correct": right, "count": 4, "share": right / 4}
    page = (tmp_path / "demo" / "report.html").read_text()
    assert faults(page, tmp_path / "demo") == []
    assert len(page) < 3 << 20
