"""cocotb's Verilator runner, adapted: only what ``build.py`` and ``run.py`` need and nobody else calls."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from cocotb_tools.runner import Verilator

from spikewright.toolchain import SimulationTools


class QuietRunner(Verilator):
    """cocotb's runner without ``--public-flat-rw``, with the wheel's missing make settings and a time limit."""

    def __init__(
        self, tools: SimulationTools, timing: bool, runtime: Path | None = None, optimise: str = "-O1"
    ) -> None:
        super().__init__()
        self._tools = tools
        self._timing = timing
        self._runtime = runtime
        self._optimise = optimise
        self.timeout: float | None = None

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(self._tools.verilator)

    def _set_env_build(self) -> None:
        super()._set_env_build()
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VERILATOR_ROOT"):
            self.env.pop(name, None)
        self.env["PATH"] = self._tools.environment["PATH"]
        if self._tools.ccache:
            self.env.update(OBJCACHE="ccache", CCACHE_SLOPPINESS="pch_defines,time_macros")
        flags = ["-j2", "CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_STD=-std=gnu++20", "CFG_LDLIBS_THREADS=-pthread"]
        flags += [f"CXX={self._tools.cxx}", f"LINK={self._tools.cxx}", f"PYTHON3={sys.executable}", "AR=ar"]
        flags += [f"OPT_FAST={self._optimise}", "OPT_GLOBAL=-O1"]
        if self._timing:
            flags.append("CFG_CXXFLAGS_COROUTINES=-fcoroutines")
        self.env["MAKEFLAGS"] = " ".join(flag.replace(" ", "\\ ") for flag in flags)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [word for word in verilate if word not in ("--public-flat-rw", "--trace")]
        make[0] = self._tools.make
        return [verilate, [word for word in make if word != "-j" and not word.isdecimal()]]

    def _execute_cmds(self, cmds: Sequence[Sequence[str]], cwd: Any, stdout: TextIO | None = None) -> None:
        for cmd in cmds:
            if self._runtime and Path(cmd[0]).name in ("make", "gmake"):
                for compiled in self._runtime.glob("*.o"):  # newer than Vtop.mk: make takes them as they are
                    shutil.copy(compiled, self.build_dir / compiled.name)
            done = subprocess.run(
                list(cmd), cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT, timeout=self.timeout
            )
            if done.returncode != 0:
                raise subprocess.CalledProcessError(done.returncode, list(cmd))
