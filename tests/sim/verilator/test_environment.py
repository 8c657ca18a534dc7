"""What a user's shell says to make, Verilator, cocotb, GPI and pytest does not reach what is built and run here."""

import os
import re
from pathlib import Path

import pytest

from spikewright.sim.verilator.build import build
from spikewright.sim.verilator.run import BenchError, Built
from spikewright.toolchain import clean_environment

HERE = Path(__file__).parent
#: Each of them alone would end the build or the bench, or change what it does.
SHELL = {
    "MAKEFLAGS": "-n", "GNUMAKEFLAGS": "-n", "MFLAGS": "-n", "MAKEFILES": "/dev/full", "MAKELEVEL": "3",
    "CXXFLAGS": "-include absent.h", "CPPFLAGS": "-include absent.h", "LDFLAGS": "-labsent", "LDLIBS": "-labsent",
    "OPT": "-nonsense", "OPT_FAST": "-nonsense", "USER_CPPFLAGS": "-nonsense", "VM_TRACE": "1", "VPATH": "/",
    "OBJCACHE": "false", "VERILATOR_ROOT": "/nowhere", "VERILATOR_BIN": "false", "VERILATOR_SOLVER": "false",
    "COCOTB_TEST_FILTER": "nothing", "COCOTB_TESTCASE": "nothing", "COCOTB_TEST_MODULES": "absent",
    "COCOTB_TOPLEVEL": "absent", "COCOTB_RESULTS_FILE": "elsewhere.xml", "COCOTB_MAX_FAILURES": "nonsense",
    "COCOTB_LOG_LEVEL": "nonsense", "COCOTB_PDB_ON_EXCEPTION": "1", "COCOTB_RANDOM_SEED": "7", "RANDOM_SEED": "7",
    "COCOTB_USER_COVERAGE": "nonsense", "COVERAGE": "nonsense", "TOPLEVEL": "absent", "MODULE": "absent",
    "TESTCASE": "nothing", "WAVES": "nonsense", "GUI": "nonsense", "GPI_USERS": "/nowhere.so", "GPI_EXTRA": "/nowhere",
    "GPI_DEBUG": "1", "LIBPYTHON_LOC": "/nowhere.so", "PYGPI_PYTHON_BIN": "/nowhere", "PYTEST_ADDOPTS": "--nonsense",
    "PYTEST_PLUGINS": "absent", "PYTEST_DEBUG": "1", "PYTHONSTARTUP": "/nowhere", "SPIKEWRIGHT_GIVEN": "nonsense",
}  # fmt: skip


def test_a_build_and_a_run_in_a_shell_full_of_options(monkeypatch, tmp_path):
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    built = build([HERE / "wire_only.v"], "wire_only", tmp_path, inputs=["clk", "d"], outputs=["q"], optimise="-O0")
    done = built.run(HERE / "wire_bench.py", cwd=tmp_path / "run")
    assert done.passed == ("passes",)
    assert (tmp_path / "run" / "results.xml").is_file()
    text = done.log.read_text()
    assert re.search(r"Seeding Python random module with 1$", text, re.MULTILINE)
    seen = set(text.partition("VARIABLES ")[2].partition("\n")[0].split())
    ours = {"GPI_USERS", "PYGPI_PYTHON_BIN", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "SPIKEWRIGHT_GIVEN"}
    assert ours < seen
    assert not {name for name in seen & set(SHELL) if not name.startswith("COCOTB_")} - ours


def test_where_things_lie_is_kept(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    monkeypatch.setenv("CCACHE_DIR", "/somewhere")
    env = clean_environment()
    assert (env["LD_LIBRARY_PATH"], env["CCACHE_DIR"], env.get("HOME")) == (
        "/somewhere", "/somewhere", os.environ.get("HOME"),
    )  # fmt: skip
    assert env["PATH"].endswith(os.environ["PATH"])


def test_a_seed_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("SPIKEWRIGHT_SEED", "lucky")
    with pytest.raises(BenchError, match=r"^SPIKEWRIGHT_SEED is 'lucky': allowed is a whole number$"):
        Built("top", tmp_path, traced=False, timing=False).run("bench", cwd=tmp_path)
