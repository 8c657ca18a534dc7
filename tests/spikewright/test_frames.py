"""A network that reads frames, from the command line: what an image is, step by step, and images that do not fit."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikewright.commands.frames import drawn_frames, sum_by_step
from spikewright.models.package import write_package
from spikewright.sim.stimulus.graph_profile import Liberty, Profile
from spikewright.sim.stimulus.random_graphs import random_graph

ONLY_FRAMES = Profile(liberties=frozenset({Liberty.FRAMES}))


@pytest.fixture(scope="module")
def framed(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A small package whose network reads frames, and its images."""
    graphs = (random_graph(seed, ONLY_FRAMES) for seed in range(100))
    graph = next(g for g in graphs if g.package.network.input.frames and g.package.network.steps > 2)
    file = tmp_path_factory.mktemp("framed") / "package.safetensors"
    write_package(graph.package, file)
    return file, graph.images


@pytest.mark.simulator
def test_simulate_shows_events_by_step_and_refuses_other_images(framed, tmp_path, run, refused):
    package, images = framed
    steps = images.shape[1]
    words = ["generate", package, "--board", "simulation", "--lanes", 8, "--banks", 2, "--streams", 1, "-o"]
    command = [sys.executable, "-m", "spikewright", *map(str, words), str(tmp_path / "BUILD")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    phases = re.compile(r"generate \.\.\.|  +\d+ s: [a-z].+")
    assert all(map(phases.fullmatch, made.stderr.splitlines())), "no warning of a library"
    np.save(tmp_path / "x.npy", images)
    result = run("simulate", tmp_path / "BUILD", "--input", tmp_path / "x.npy")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "step 0 step 1" in told
    assert "sum by step" in told
    for image in images[:3]:
        assert sum_by_step(image) in told
    expected = re.escape(f"expected uint8 [n, {', '.join(map(str, images.shape[1:]))}], got uint8 ")
    for wrong in (images[:, 0], images[:, 1:], np.concatenate([images, images], axis=1)):
        np.save(tmp_path / "y.npy", wrong)
        for command in ("simulate", "compare"):
            sentence = refused(command, tmp_path / "BUILD", "--input", tmp_path / "y.npy")
            shape = re.escape(str(list(wrong.shape)))
            assert re.search(
                rf"{expected}{shape}: the network reads frames, one at each of its {steps} steps$", sentence
            )


def test_frames_are_drawn_beside_each_other_and_shaded_by_events():
    frames = np.zeros((3, 32, 32, 2), np.uint8)
    frames[0, :4, :2, 0] = 5
    frames[1, 28:, 30:, 1] = 1
    lines = drawn_frames(frames)
    assert lines[0] == f"{'step 0':18}{'step 1':18}step 2"
    assert lines[1][0] == "█"
    assert lines[8].rstrip() == " " * 33 + "░"
    assert len(lines) == 10
    assert lines[-1] == ""
    assert {character for line in lines[1:] for character in line} == {" ", "█", "░"}
    assert sum_by_step(frames) == "40 8 0"


def test_many_steps_take_several_rows_of_frames():
    lines = drawn_frames(np.zeros((10, 8, 8, 1), np.uint8))
    assert [line.split()[1] for line in lines if line.startswith("step")] == ["0", "7"]
    assert max(map(len, lines)) <= 76
