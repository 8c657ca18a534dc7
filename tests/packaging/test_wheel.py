"""The wheel: built from every kind of source, installed into another folder, used there without the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from spikewright.gallery import FILES, SCRIPT

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINKS = sorted(link.name for link in (ROOT / "spikewright").iterdir() if link.is_symlink())
ROOMS = [name for name in LINKS if (ROOT / name / "__init__.py").is_file()]
#: What ships beside Python files.
DATA = ("hdl/verilog/*.v", "boards/*.yaml", "sim/benches/*.sv", "view/templates/*", "py.typed")
DATA += (*(f"packages/*/{name}" for name in FILES), f"examples/{SCRIPT.name}")


def source_files() -> set[str]:
    """All Python and data files of the rooms, as names in the wheel."""
    package = ROOT / "spikewright"
    folders = [package, package / "commands", *(ROOT / room for room in ROOMS)]
    own = {path for folder in folders[:2] for path in folder.glob("*.py")}
    files = own | {path for folder in folders[2:] for path in folder.rglob("*.py")}
    names = {path.relative_to(ROOT).as_posix() for path in files}
    names = {name if name.startswith("spikewright/") else f"spikewright/{name}" for name in names}
    return names | {path.relative_to(ROOT).as_posix() for pattern in DATA for path in package.glob(pattern)}


def run(*words: object, cwd: Path, fails: bool = False, **extra: str) -> str:
    """What a command says; ``fails``: it has to."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")} | extra
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    output = f"{done.stdout}{done.stderr}"
    assert (done.returncode != 0) == fails, f"{words}: {output}"
    return output


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository of its own with the files of this one as they are now, links as links."""
    copy = tmp_path_factory.mktemp("repository")
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    shipped = (
        "spikewright",
        *LINKS,
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        "Makefile",
        "constraints.txt",
    )
    for name in listed:
        if name.split("/")[0] in shipped and os.path.lexists(ROOT / name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    run("git", "init", "-q", "-b", "main", cwd=copy)
    run("git", "add", "-A", cwd=copy)
    run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "all", cwd=copy)
    return copy


def pip_wheel(source: object, folder: Path, *, fails: bool = False) -> str:
    """Build a source's wheel into a folder, with what is installed here."""
    words = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "wheel", "--no-deps")
    return run(*words, "--no-build-isolation", "--no-index", "-w", folder, source, cwd=folder, fails=fails)


@pytest.fixture(scope="module")
def sdist(repository, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    clone = tmp_path_factory.mktemp("clone") / "spikewright"
    run("git", "clone", "-q", repository, clone, cwd=out)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", out, cwd=clone)
    (built,) = out.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    clone = tmp_path_factory.mktemp("clone") / "spikewright"
    run("git", "clone", "-q", repository, clone, cwd=out)
    pip_wheel(clone, out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A folder with the installed wheel."""
    target = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps")
    run(*pip, "--target", target, wheel, cwd=target)
    return target


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_wheel_holds_every_file_and_nothing_else(wheel):
    names = set(contents(wheel))
    info = f"spikewright-{SETTINGS['project']['version']}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == source_files()
    assert {"licenses/LICENSE", "METADATA", "entry_points.txt"} <= {n.removeprefix(info) for n in names}
    assert {"spikewright/hdl/verilog/weight_rom.v", "spikewright/boards/ulx3s-85f.yaml"} <= names
    assert "spikewright/sim/benches/accelerator_bench.sv" in names


@pytest.mark.parametrize("kind", ["sdist", "git"])
def test_every_source_gives_the_same_wheel(kind, wheel, sdist, repository, tmp_path):
    pip_wheel({"sdist": sdist, "git": f"git+file://{repository}"}[kind], tmp_path)
    (built,) = tmp_path.glob("*.whl")
    assert contents(built) == contents(wheel)


WITHOUT_LINKS = (
    "spikewright/boards must be a link to the folder boards/, but this copy of the source has no symbolic links"
)


def test_a_clone_without_links_is_refused(repository, tmp_path):
    run("git", "clone", "-q", "-c", "core.symlinks=false", repository, tmp_path / "clone", cwd=tmp_path)
    assert (tmp_path / "clone" / "spikewright" / "boards").is_file()
    assert WITHOUT_LINKS in pip_wheel(tmp_path / "clone", tmp_path, fails=True)
    assert not list(tmp_path.glob("*.whl"))
    output = run("make", "demo", cwd=tmp_path / "clone", fails=True)
    assert WITHOUT_LINKS in output
    assert not (tmp_path / "clone" / ".venv").exists()


def test_a_zip_archive_is_refused(repository, tmp_path):
    run("git", "archive", "--format=zip", "-o", tmp_path / "source.zip", "HEAD", cwd=repository)
    assert WITHOUT_LINKS in pip_wheel(tmp_path / "source.zip", tmp_path, fails=True)
    assert not list(tmp_path.glob("*.whl"))


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

from spikewright.boards.registry import platform_for, real_boards
from spikewright.compiler.compile import compile_package, planned_graph
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.target.structure import Shape
from spikewright.hdl.elaborate import memory_sources
from spikewright.models.package import read_package, write_package
from spikewright.sim.accelerator.simulator import BENCH
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

assert len([platform_for(board) for board in real_boards()]) >= 3
assert len(memory_sources()) >= 3 and BENCH.is_file()
spec = NetworkSpec(height=8, width=8, dim=8, heads=2, depth=1, mlp_ratio=2, steps=2)
write_package(random_package(1, spec, samples=2), Path("random.safetensors"))
package, images = read_package(Path("random.safetensors")), random_images(2, 2, spec)
graph = planned_graph(package)
scores = interpret(graph, images)["head"].reshape(2, -1)
assert np.array_equal(scores, run(package, images).scores)
assert compile_package(package, Shape(tokens=4, steps=2, banks=2)).roms["weights_0_0.hex"].words
print("used", len(scores))
"""


@pytest.fixture(scope="module")
def isolated(elsewhere):
    """Runs code that sees the installed wheel and the dependencies, but not the repository.

    -S: no .pth file of the environment runs, so the editable install cannot stand in for what the wheel forgot.
    """
    paths = [str(elsewhere), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    start = f"import sys; sys.path[:0] = {paths!r}\n"
    return lambda code, cwd, *words: run(sys.executable, "-S", "-P", "-c", start + code, *words, cwd=cwd)


def test_every_module_is_there_and_works(isolated, elsewhere, tmp_path):
    assert isolated(USE.format(place=str(elsewhere)), tmp_path).endswith("used 2\n")


COMMAND = "sys.argv[0] = 'spikewright'; from spikewright.cli import main; main()"


def test_command_line(isolated, tmp_path):
    assert "ulx3s-85f" in isolated(COMMAND, tmp_path, "boards")


def test_it_is_small(wheel):
    assert wheel.stat().st_size <= 2_000_000


def test_the_examples_are_there(isolated, tmp_path):
    assert "clutter-digits" in isolated(COMMAND, tmp_path, "examples")
    isolated(COMMAND, tmp_path, "examples", "event", "-o", "mine")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {*FILES, SCRIPT.name}
    isolated(COMMAND, tmp_path, "generate", "digits", "--board", "ulx3s-25f", "--no-check", "-o", "BUILD")
    assert (tmp_path / "BUILD" / "accelerator.v").is_file()


@pytest.mark.slow
def test_the_demo_works_without_the_repository(isolated, tmp_path):
    printed = isolated(COMMAND, tmp_path, "demo", "--images", "2")
    assert "to look at: build/demo/report.html" in printed
