"""The same RTL under a plain C++ main: what Verilator does without cocotb, files and traces."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

from benchmarks.hardware.reference_build import WORK
from spikewright.flow.build_folder import BuildFolder
from spikewright.sim.verilator.build import WAIVED
from spikewright.toolchain import simulation_tools

MAIN = r"""
#include "Vaccelerator.h"
#include "verilated.h"
#include <ctime>
#include <cstdio>
#include <vector>
int main(int, char** argv) {
    std::vector<unsigned char> pixels;
    FILE* file = fopen(argv[1], "rb");
    for (int c; (c = fgetc(file)) != EOF;) pixels.push_back(c);
    long images = atol(argv[2]), done = 0, cycles = 0;
    size_t sent = 0;
    VerilatedContext context;
    Vaccelerator top{&context};
    top.rst = 1;
    top.results___05Fready = 1;
    clock_t start = clock();
    while (done < images) {
        top.pixels___05Fvalid = cycles > 4 && sent < pixels.size();
        top.pixels___05Fpayload = sent < pixels.size() ? pixels[sent] : 0;
        top.rst = cycles < 4;
        top.clk = 0;
        top.eval();
        bool taken = top.pixels___05Fvalid && top.pixels___05Fready;
        if (!top.rst && top.results___05Fvalid && (top.results___05Fpayload >> 32 & 1)) done++;
        top.clk = 1;
        top.eval();
        if (taken) sent++;
        cycles++;
    }
    double seconds = double(clock() - start) / CLOCKS_PER_SEC;
    printf("%ld %f\n", cycles, seconds);
}
"""


def bare_speed(build: BuildFolder, images: np.ndarray) -> float:
    """Cycles a second of processor time over the images."""
    folder = WORK / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "main.cpp").write_text(MAIN)
    (folder / "images.bin").write_bytes(images.tobytes())
    for rom in build.roms:
        shutil.copyfile(rom, folder / rom.name)
    tools = simulation_tools()
    sources = [str(path.resolve()) for path in (build.accelerator, *build.memories)]
    waive = [f"-Wno-{name}" for name in (*WAIVED, "ALWNEVER", "lint")]
    words = [str(tools.verilator), "--cc", "--exe", "-O3", "--top-module", "accelerator", *waive, "--Mdir", "obj"]
    _run([*words, "main.cpp", *sources], folder, tools.environment)
    flags = ["CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_STD=-std=gnu++20", "CFG_LDLIBS_THREADS=-pthread", "AR=ar"]
    flags += [f"CXX={tools.cxx}", f"LINK={tools.cxx}", "OPT_FAST=-O3", "PYTHON3=python3"]
    _run([tools.make, "-C", "obj", "-f", "Vaccelerator.mk", *flags, "-j2"], folder, tools.environment)
    cycles, seconds = _run(["obj/Vaccelerator", "images.bin", str(len(images))], folder, tools.environment).split()
    return int(cycles) / float(seconds)


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints."""
    process = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{words[0]} failed: {(process.stderr or process.stdout)[-2000:]}")
    return process.stdout
