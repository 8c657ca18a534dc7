"""One small package and its BUILD for all tests of the command line."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikewright.cli import app
from spikewright.flow import generate
from spikewright.models.package import write_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(height=8, width=8, dim=24, heads=2, depth=2, pools=(False, True, False, False), selectors=((1, 9),))


@pytest.fixture(scope="session")
def spec() -> NetworkSpec:
    return SPEC


@pytest.fixture
def run():
    """Run the command line; returns its result."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def refused(run):
    """Run the command line, which must refuse in one sentence; returns the sentence."""

    def refused(*words):
        result = run(*words)
        assert result.exit_code == 1, result.output
        lines = [line for line in result.stderr.splitlines() if not line.endswith("...") and not line.startswith("  ")]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")

    return refused


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> Path:
    """A folder with package.safetensors and BUILD/."""
    folder = tmp_path_factory.mktemp("generated")
    write_package(random_package(5, SPEC), folder / "package.safetensors")
    words = [
        "generate",
        "package.safetensors",
        "--board",
        "ulx3s-25f",
        "--lanes",
        "16",
        "--banks",
        "2",
        "--streams",
        "1",
    ]
    words[1] = str(folder / "package.safetensors")
    result = CliRunner().invoke(app, [*words, "-o", str(folder / "BUILD")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def quick(generated, monkeypatch):
    """Generating what ``generated`` is takes its Verilog, whose making is most of the time."""

    def elaborate(component, name, folder):
        folder.mkdir()
        shutil.copyfile(generated / "BUILD" / f"{name}.v", folder / f"{name}.v")

    monkeypatch.setattr(generate, "elaborate", elaborate)
    monkeypatch.setattr(generate, "Accelerator", lambda structure: None)


@pytest.fixture
def build(generated, tmp_path) -> Path:
    """A copy of the BUILD, to be damaged."""
    return Path(
        shutil.copytree(
            generated / "BUILD",
            tmp_path / "BUILD",
            ignore=shutil.ignore_patterns("report.*", "traces.json", "timing.json"),
        )
    )
