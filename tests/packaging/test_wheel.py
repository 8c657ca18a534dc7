"""The wheel: built, installed into another folder, and used there, without the repository and without a network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]
FOLDERS = SETTINGS["tool"]["setuptools"]["package-dir"]
#: Top-level folders that ship nothing.
OTHER = {"tests", "docs", "benchmarks", "examples", "recipes", "packages", "build", "dist", "runs"}


def folder_of(package: str) -> Path:
    """Where a package lies: the mapped room, or below it."""
    room = max((name for name in FOLDERS if package == name or package.startswith(f"{name}.")), key=len)
    return ROOT.joinpath(FOLDERS[room], *package[len(room) :].split("."))


def source_files() -> set[str]:
    """All Python and data files of the rooms, as names in the wheel."""
    found = set()
    for package in PACKAGES:
        folder, place = folder_of(package), package.replace(".", "/")
        for pattern in ("*.py", "*.yaml", "verilog/*.v", "verilog/*.sv", "py.typed"):
            found |= {f"{place}/{path.relative_to(folder).as_posix()}" for path in folder.glob(pattern)}
    return found


def test_list_of_packages_equals_the_folders():
    tops = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name not in OTHER]
    found = {init.parent for top in tops for init in top.rglob("__init__.py")}
    assert {folder_of(package) for package in PACKAGES} == found
    assert len(set(PACKAGES)) == len(PACKAGES)


def run(*words: object, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")} | extra
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a clean copy: setuptools takes what it finds in an old build folder."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", SETTINGS["project"]["readme"], *SETTINGS["project"]["license-files"]):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS.values():
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, cwd=copy)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A folder with the installed wheel."""
    target = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps")
    run(*pip, "--target", target, wheel, cwd=target)
    return target


def test_wheel_holds_every_file_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"spikewright-{SETTINGS['project']['version']}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == source_files()
    assert {"licenses/LICENSE", "METADATA", "entry_points.txt"} <= {n.removeprefix(info) for n in names}
    assert {"spikewright/hdl/verilog/weight_rom.v", "spikewright/boards/ulx3s-85f.yaml"} <= names
    assert "spikewright/sim/verilog/accelerator_bench.sv" in names


USE = """
import importlib, pkgutil
from pathlib import Path

import numpy as np
import spikewright

root = Path(spikewright.__file__).parent
assert root.is_relative_to({place!r}), root
for found in pkgutil.walk_packages([str(root)], "spikewright."):
    if not found.name.endswith("__main__"):
        module = importlib.import_module(found.name)
        assert Path(module.__file__).is_relative_to(root), module

from spikewright.boards.registry import board_names, load_board, platform_for
from spikewright.compiler.importer import import_package
from spikewright.compiler.interpreter import interpret
from spikewright.compiler.lowering import lower
from spikewright.compiler.passes import run_passes
from spikewright.compiler.program import assemble
from spikewright.compiler.structure import Shape
from spikewright.models.package import read_package, write_package
from spikewright.sim.golden import run
from spikewright.sim.random_networks import NetworkSpec, random_images, random_package
from spikewright.sim.simulator import HERE, memory_sources

assert len([platform_for(load_board(name)) for name in board_names()]) >= 3
assert len(memory_sources()) >= 3 and (HERE / "verilog" / "accelerator_bench.sv").is_file()
spec = NetworkSpec(height=8, width=8, dim=8, heads=2, depth=1, mlp_ratio=2, steps=2)
write_package(random_package(1, spec, samples=2), Path("random.safetensors"))
package, images = read_package(Path("random.safetensors")), random_images(2, 2, spec)
graph = run_passes(import_package(package))
scores = interpret(graph, images)["head"].reshape(2, -1)
assert np.array_equal(scores, run(package, images).scores)
assert assemble(lower(graph, Shape(tokens=4, steps=2, banks=2))).roms["weights_0_0.hex"].words
print("used", len(scores))
"""


@pytest.fixture(scope="module")
def isolated(elsewhere):
    """Runs code that sees the installed wheel and the dependencies, but not the repository.

    -S: no .pth file of the environment runs, so the editable install cannot stand in for what the wheel forgot.
    """
    paths = [str(elsewhere), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    start = f"import sys; sys.path[:0] = {paths!r}\n"
    return lambda code, cwd, *words: run(sys.executable, "-S", "-P", "-c", start + code, *words, cwd=cwd).stdout


def test_every_module_is_there_and_works(isolated, elsewhere, tmp_path):
    assert isolated(USE.format(place=str(elsewhere)), tmp_path) == "used 2\n"


def test_command_line(isolated, tmp_path):
    code = "sys.argv[0] = 'spikewright'; from spikewright.cli import main; main()"
    assert "ulx3s-85f" in isolated(code, tmp_path, "boards")
