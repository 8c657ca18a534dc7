"""A full disk, wherever it comes in the way: one sentence with the path, nothing half-written, and then it works.

On a small file system of its own where one can be mounted; else the write of the command itself fails.
"""

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from spikewright import files
from spikewright.boards import synthesis
from spikewright.sim.stimulus.random_networks import random_images

FULL = "No space left on device"
RECIPE = {
    "data": "digits",
    "model": {"dim": 16, "depth": 1, "heads": 2, "steps": 2, "mlp_ratio": 2},
    "training": {"batch": 8, "images": 16},
    "teacher": {"epochs": 1},
    "constraints": {"quantisers": {"epochs": 1, "layers": {"*": {"scheme": "uniform", "bits": 4}}}},
}


class Disk:
    """A small disk, and a file on it that takes what is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int = 0) -> None:
        with self._filler.open("wb") as filler:
            room = os.statvfs(self.path)
            filler.write(bytes(max(0, room.f_bavail * room.f_frsize - left)))

    def free(self) -> None:
        self._filler.unlink()

    def contents(self) -> dict[str, bytes]:
        found = (path for path in self.path.rglob("*") if path.is_file() and path != self._filler)
        return {str(path.relative_to(self.path)): path.read_bytes() for path in found}


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; the tests of failing writes stand for it")
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def images(spec, tmp_path):
    np.save(tmp_path / "x.npy", random_images(8, 30, spec))
    return tmp_path / "x.npy"


@pytest.fixture
def told(run):
    """Run a command, which must stop; returns the sentence that it ends with, behind what it was doing."""

    def told(*words):
        result = run(*words)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        return result.stderr.splitlines()[-1].removeprefix("error: ")

    return told


@pytest.fixture
def fails_then_works(told, run):
    """Run a command with so little room left on the disk, and with room again."""

    def fails_then_works(disk, place, words, *left):
        before = disk.contents()
        for room in left:
            disk.fill(room)
            assert told(*words) == f"{place}: {FULL}", room
            assert disk.contents() == before
            disk.free()
        result = run(*words)
        assert result.exit_code == 0, result.output

    return fails_then_works


def copied(build, disk):
    return Path(shutil.copytree(build, disk.path / "BUILD"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["simulate", "compare"])
def test_a_simulation(command, build, images, disk, fails_then_works):
    place = copied(build, disk)
    left = (0, 8_000, 30_000) if command == "simulate" else (0, 150_000, 700_000)
    fails_then_works(disk, place, [command, place, "--input", images], *left)


def test_a_comparison_whose_trace_finds_no_room(build, images, disk, told):
    """The simulator itself does not say so."""
    place = copied(build, disk)
    before = disk.contents()
    disk.fill(700_000)
    assert told("compare", place, "--input", images) == f"{place}: {FULL}"
    assert disk.contents() == before


def test_generate(generated, quick, disk, fails_then_works):
    out = disk.path / "deep" / "BUILD"
    shape = ["--lanes", 16, "--banks", 2, "--streams", 1]
    words = ["generate", generated / "package.safetensors", "--board", "ulx3s-25f", *shape, "-o", out]
    fails_then_works(disk, out, words, 0, 30_000)
    assert [path.name for path in disk.path.iterdir()] == ["deep"]


@pytest.mark.slow
def test_a_simulator_that_is_built(build, images, disk, fails_then_works, monkeypatch):
    cache = disk.path / "simulators"
    monkeypatch.setenv("SPIKEWRIGHT_BUILDS", str(cache))
    (cache / ".locks").mkdir(parents=True)
    fails_then_works(disk, cache, ["simulate", build, "--input", images], 1_000_000, 3_000_000)


@pytest.mark.slow
def test_compress(tmp_path, disk, told, run):
    """What was trained before stays, and the run goes on from there."""
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    out = disk.path / "run"
    words = ["compress", tmp_path / "recipe.yaml", "-o", out]
    for room in (0, 30_000, 60_000):
        disk.fill(room)
        assert re.fullmatch(rf"{re.escape(str(out))}\S*: {FULL}", told(*words)), room
        assert {path.suffix for path in out.rglob("*") if path.is_file()} <= {".safetensors"}
        disk.free()
    assert run(*words).exit_code == 0


def test_synthesis(build, disk, told, monkeypatch, tmp_path):
    """A tool that finds no room seldom says why it failed."""
    place = copied(build, disk)
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nhead -c 100000000 /dev/zero > large; echo ERROR: abnormal end; exit 1\n")
    tool.chmod(0o755)
    monkeypatch.setattr(synthesis, "synthesis_tools", lambda names: dict.fromkeys(names, str(tool)))
    before = disk.contents()
    assert told("synthesize", place) == f"{place}: {FULL}"
    assert disk.contents() == before


@pytest.mark.parametrize("name", ["report.json", pytest.param("timing.json", marks=pytest.mark.slow)])
def test_a_write_that_fails(name, build, images, told, monkeypatch):
    """Where nothing can be mounted, too."""
    real = files.os.replace

    def fails(source, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, FULL, str(source), None, str(target))
        real(source, target)

    monkeypatch.setattr(files.os, "replace", fails)
    (build / "report.json").write_text("{}")
    assert told("compare", build, "--input", images) == f"{build / name}: {FULL}"
    assert not [path.name for path in build.iterdir() if path.name.startswith(".")]
