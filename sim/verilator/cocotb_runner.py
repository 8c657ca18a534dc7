"""How Verilator is called for cocotb: commands and environments of a build and of a run.

cocotb's own runner makes the same calls, but takes options for them from the user's shell, in a dozen variables; none
of those reaches a bench from here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cocotb_tools.config
import find_libpython

from spikewright.sim.verilator.cache import plain_name, special
from spikewright.toolchain import SimulationTools, ToolError, clean_environment

#: Name of what Verilator writes: its make file is PREFIX.mk.
PREFIX = "Vtop"


@dataclass(frozen=True)
class Design:
    """How a simulator is built.

    top: name of the top module; sources: Verilog, relative to the build's folder; arguments: of Verilator; parameters:
    of ``top``; waves: with FST support; timing: with delays; optimise: C++ optimisation of the model.
    """

    top: str
    sources: Sequence[str]
    arguments: Sequence[str]
    parameters: Mapping[str, object]
    waves: bool
    timing: bool
    optimise: str


def build_commands(design: Design, tools: SimulationTools, cache: Path) -> tuple[list[str], list[str]]:
    """What turns Verilog into C++, and what compiles that; both run in the build's folder.

    cache: folder that holds the builds, where names are made for what lies under one that make cannot take.
    """
    libs = plain_name(cocotb_tools.config.libs_dir, cache)
    share = plain_name(cocotb_tools.config.share_dir, cache)
    verilate = [str(_front_end(tools, cache)), "-cc", "--exe", "-Mdir", ".", "--top-module", design.top, "--vpi"]
    verilate += ["--prefix", PREFIX, "-o", design.top]
    verilate += ["-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator", *design.arguments]
    verilate += [f"-G{name}={value}" for name, value in design.parameters.items()]
    verilate += [str(share / "lib" / "verilator" / "verilator.cpp"), *design.sources]
    make = [tools.make, "-j2", "-f", f"{PREFIX}.mk", f"VM_TRACE={int(design.waves)}"]
    # settings that the wheel's make file lacks, or has of the machine it was made on
    make += ["CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_STD=-std=gnu++20", "CFG_LDLIBS_THREADS=-pthread", "AR=ar"]
    compiler = plain_name(Path(tools.cxx), cache)
    make += [f"CXX={compiler}", f"LINK={compiler}", "PYTHON3=python3"]
    make += [f"OPT_FAST={design.optimise}", "OPT_GLOBAL=-O1"]
    make += ["CFG_CXXFLAGS_COROUTINES=-fcoroutines"] if design.timing else []
    return verilate, make


def build_environment(tools: SimulationTools, cache: Path) -> dict[str, str]:
    """Environment of both commands."""
    env = dict(tools.environment)
    if tools.ccache:
        env |= {"OBJCACHE": "ccache", "CCACHE_SLOPPINESS": "pch_defines,time_macros"}
    if special(tools.verilator) is not None:
        env["VERILATOR_ROOT"] = str(_root(tools, cache))
    return env


def _root(tools: SimulationTools, cache: Path) -> Path:
    return plain_name(tools.verilator.parents[1], cache)


def _front_end(tools: SimulationTools, cache: Path) -> Path:
    """Verilator; its script passes its own place through a shell, so under a special name the program itself."""
    return tools.verilator if special(tools.verilator) is None else _root(tools, cache) / "bin" / "verilator_bin"


def run_environment(
    module: str, path: Sequence[str], top: str, seed: int, tests: str | Sequence[str] | None, results: Path
) -> dict[str, str]:
    """Environment in which a simulator finds its bench: a module with cocotb tests.

    path: where Python looks for modules; tests: names of those to run, None for all; results: the file that says how
    they went.
    """
    library = find_libpython.find_libpython()
    if library is None:
        raise ToolError("no shared library of Python: install it (Debian, Ubuntu: 'apt install libpython3-dev')")
    env = clean_environment()
    env["PATH"] += os.pathsep + str(cocotb_tools.config.libs_dir)
    env |= {
        "PYTHONPATH": os.pathsep.join(folder for folder in path if os.pathsep not in folder),
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{library};{cocotb_tools.config.pygpi_entry_point()}",
        "COCOTB_TOPLEVEL": top,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TEST_MODULES": module,
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_RESULTS_FILE": str(results),
    }
    if tests is not None:
        names = [tests] if isinstance(tests, str) else tests
        env["COCOTB_TEST_FILTER"] = rf"\.({'|'.join(f'.*{re.escape(name)}' for name in names)})$"
    return env
