"""docs/add-a-board.md, done: a board in one file, a family in two, from a package through a played place and route."""

import json
import shutil

import pytest
from pages import ROOT, apply, copy_of_the_repository, run

PAGE = ROOT / "docs" / "add-a-board.md"
REPORT = ROOT / "tests" / "boards" / "data" / "nextpnr-report.json"
MAIN = "from spikewright.cli import main; main()"
SMALL = """
from pathlib import Path

from spikewright.models.package import write_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

spec = NetworkSpec(height=4, width=4, dim=8, heads=2, depth=1, mlp_ratio=1, pools=(False, True, False, False))
write_package(random_package(1, spec), Path("small.safetensors"))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    copy = copy_of_the_repository(tmp_path_factory.mktemp("boards") / "copy")
    files = apply(PAGE, copy)
    assert files == ["boards/ecpix5-85f.yaml", "boards/families/gowin.py", "boards/tang-primer-20k.yaml"]
    run(copy, "-P", "-c", SMALL)
    return copy


@pytest.fixture
def played(tmp_path):
    """A folder with tools that leave what place and route leaves."""
    folder = tmp_path / "played"
    folder.mkdir()
    place = "cp $REPORT nextpnr-report.json"
    scripts = {"yosys": "test -f top.ys", "nextpnr-gowin": place, "gowin_pack": "exit 0"}
    scripts |= {"nextpnr-ecp5": place, "ecppack": "exit 0"}
    for name, script in scripts.items():
        tool = folder / name
        tool.write_text(f'#!/bin/sh\nREPORT={REPORT}\necho {name} "$@" >> calls\n{script}\n')
        tool.chmod(0o755)
    return folder


def test_they_are_sound(copy):
    for name in ("tests", "docs", "benchmarks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    tests = ("tests/boards/test_registry.py", "tests/packaging/test_rooms.py")
    passed = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", *tests)
    assert all(f"[{name}]" in passed for name in ("ecpix5-85f", "tang-primer-20k"))


def test_a_board_in_one_file(copy, played):
    assert "ecpix5-85f" in run(copy, "-P", "-c", MAIN, "boards")
    run(copy, "-P", "-c", MAIN, "generate", "small.safetensors", "--board", "ecpix5-85f", "-o", "one")
    run(copy, "-P", "-c", MAIN, "synthesize", "one", path=str(played))
    assert json.loads((copy / "one" / "synthesis.json").read_text())["board"] == "ecpix5-85f"


def test_a_family_in_two(copy, played):
    run(copy, "-P", "-c", MAIN, "generate", "small.safetensors", "--board", "tang-primer-20k", "-o", "two")
    choice = json.loads((copy / "two" / "program.json").read_text())["choice"]
    assert "tang-primer-20k" in choice["reason"]
    printed = run(copy, "-P", "-c", MAIN, "synthesize", "two", path=str(played))
    assert "tang-primer-20k" in printed
    assert json.loads((copy / "two" / "synthesis.json").read_text())["fmax_mhz"] == 136.86
    calls = (copy / "two" / "synthesis" / "calls").read_text()
    assert [line.split()[0] for line in calls.splitlines()] == ["yosys", "nextpnr-gowin", "gowin_pack"]
    assert (copy / "two" / "synthesis" / "weights_0_0.hex").is_file()
    shutil.rmtree(copy / "two")
