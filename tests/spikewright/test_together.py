"""Several commands at a time on one BUILD: each is right, or says that another is at work."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from spikewright.commands import demo
from spikewright.console import PlainConsole
from spikewright.flow.build_folder import open_build, reading, updating
from spikewright.flow.report import read_report
from spikewright.flow.reporting import add_synthesis
from spikewright.scratch import PREFIX
from spikewright.sim.golden import run as golden
from spikewright.sim.stimulus.random_networks import random_images

PLACED = {
    "board": "ulx3s-25f", "part": "LFE5U-25F", "seed": 1, "fmax_mhz": 30.0, "clock_mhz": 25.0, "meets_clock": True,
    "critical_path": None,
    **{name: {"used": 1, "available": 2} for name in ("lut", "ff", "block_ram", "dsp", "lut_ram")},
}  # fmt: skip


def start(*words, cwd):
    command = [sys.executable, "-m", "spikewright", *map(str, words)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def images(spec, tmp_path):
    """Two files of images; what the network says of them is told apart by their numbers."""
    files = {}
    for seed, count in ((8, 3), (9, 5)):
        files[count] = tmp_path / f"{count}.npy"
        np.save(files[count], random_images(seed, count, spec))
    return files


def test_two_comparisons_and_a_simulation(build, images, tmp_path):
    commands = {
        "three": start("compare", build, "--input", images[3], cwd=tmp_path),
        "five": start("compare", build, "--input", images[5], cwd=tmp_path),
        "simulation": start("simulate", build, "--input", images[5], cwd=tmp_path),
    }
    outputs = {name: command.communicate(timeout=300) for name, command in commands.items()}
    assert [command.returncode for command in commands.values()] == [0, 0, 0], outputs
    assert "bit-exact: 3 images" in outputs["three"][0]
    assert "bit-exact: 5 images" in outputs["five"][0]
    rows = [line.split() for line in outputs["simulation"][0].splitlines() if re.match(r"\s*\d+\s+\d+\s+\d+\s*$", line)]
    assert [int(row[1]) for row in rows] == golden(open_build(build).package, np.load(images[5])).classes.tolist()
    report = read_report(build)
    assert report.images in (3, 5)
    assert report.bit_exact
    assert not [path.name for path in build.iterdir() if path.name.startswith(".")]
    # a placed design that is put into the report while a comparison writes its own: the report has both
    opened = open_build(build)
    (build / "synthesis.json").write_text(json.dumps(PLACED))
    placing = threading.Thread(target=add_synthesis, args=(opened,))
    with updating(opened):
        placing.start()
        placing.join(0.3)
        assert placing.is_alive()
        report.model_copy(update={"images": 7}).write(build)
    placing.join(10)
    both = read_report(build)
    assert (both.images, both.synthesis.part) == (7, "LFE5U-25F")


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGKILL", marks=pytest.mark.slow)])
def test_a_command_that_is_ended_leaves_the_build_as_it_was(name, build, images, spec, tmp_path, run):
    np.save(tmp_path / "many.npy", random_images(8, 2000, spec))
    before = {path: path.read_bytes() for path in build.rglob("*") if path.is_file()}
    command = start("compare", build, "--input", tmp_path / "many.npy", cwd=tmp_path)
    end = time.monotonic() + 120
    while not list(build.glob(f"{PREFIX}*/run.log")):  # it simulates
        assert time.monotonic() < end
        assert command.poll() is None, command.communicate()
        time.sleep(0.02)
    command.send_signal(getattr(signal, name))
    _, told = command.communicate(timeout=5)
    assert command.returncode == (-9 if name == "SIGKILL" else 1)
    if name == "SIGTERM":
        assert told.splitlines()[-1] == "error: stopped"
        assert {path: path.read_bytes() for path in build.rglob("*") if path.is_file()} == before
    with reading(build):
        pass
    assert run("simulate", build, "--input", images[3]).exit_code == 0
    assert {path: path.read_bytes() for path in build.rglob("*") if path.is_file()} == before


def test_a_build_that_was_replaced_between_the_parts_of_a_demo(build, refused, monkeypatch):
    monkeypatch.setattr(demo, "run_generate", lambda *_: SimpleNamespace(manifest="the hash of another"))
    monkeypatch.setattr(demo, "err", PlainConsole(quiet=True))
    sentence = refused("demo", build / "package.safetensors", "-o", build)
    assert sentence == f"{build} was replaced by another command: name another folder with --output"
