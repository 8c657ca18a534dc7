"""The program check: small networks that are no Spikformer, planted faults, and what the check costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, command
from benchmarks.hardware.reference_build import BOARD, PACKAGE, WORK
from benchmarks.results import Row
from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import Shape
from spikewright.errors import PlainError
from spikewright.flow.check import check
from spikewright.models.package import read_package
from spikewright.sim.program.check import check_program
from spikewright.sim.program.memory import ProgramFault
from spikewright.sim.program.planted import kinds, plant
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package, spikformer_384

COMMAND = command("program")
CASES = ROOT / "tests" / "sim" / "program" / "cases"
SHAPES = [Shape(**fields) for fields in json.loads((CASES / "shapes.json").read_text())]
SEEDS = range(3)
#: Several tiles, step groups and positions, a selector, heads of odd width, a signed image, two streams.
SPEC = NetworkSpec(
    height=8, width=12, channels=2, steps=5, dim=14, heads=2, depth=1, mlp_ratio=2, pools=(False, False, False, True),
    selectors=((0, 17),), classes=4, reset=None, compare=None,
)  # fmt: skip


def rows() -> list[Row]:
    """Cases, faults, and seconds of a wall clock on an idle machine."""
    return [_cases(), _faults(), _reference(), _large()]


def _cases() -> Row:
    wrong, right, refused = 0, 0, 0
    for path in sorted(CASES.glob("*.safetensors")):
        package = read_package(path)
        form = package.network.input
        images = np.random.default_rng(0).integers(
            256, size=(4, form.height, form.width, form.channels), dtype=np.uint8
        )
        for shape in SHAPES:
            try:
                program = compile_package(package, shape)
            except PlainError:
                refused += 1
                continue
            try:
                check_program(program, package, images)
                right += 1
            except ProgramFault:
                wrong += 1
    note = f"{right} right, {refused} refused in a sentence, on {len(SHAPES)} shapes"
    return Row("trust.cases-wrong", COMMAND, wrong, "programs of small networks", "0", wrong == 0, note=note)


def _faults() -> Row:
    package, images = random_package(4, SPEC), random_images(5, 4, SPEC)
    program = compile_package(package, Shape(tokens=5, steps=2, banks=3, streams=2))
    check_program(program, package, images)
    missed = []
    for kind in kinds():
        for seed in SEEDS:
            try:
                check_program(plant(kind, program, seed), package, images)
                missed.append(f"{kind} ({seed})")
            except ProgramFault:
                pass
    count = len(list(kinds()))
    return Row(
        "trust.faults-missed", COMMAND, len(missed), "planted faults that were let pass", "0, of at least 20 kinds",
        not missed and count >= 20, f"{SEEDS[0]}..{SEEDS[-1]}",
        f"{count} kinds, each in {len(SEEDS)} places" + "".join(f"; {fault}" for fault in missed),
    )  # fmt: skip


def _reference() -> Row:
    """What the check adds to a command, imports included: the least difference of three pairs of runs."""
    times = {"--check": [], "--no-check": []}
    for _ in range(3):
        for option, seconds in times.items():
            start = time.monotonic()
            words = ["generate", PACKAGE, "--board", BOARD, option, "-o", WORK / "check-timed"]
            subprocess.run(
                [sys.executable, "-m", "spikewright", *map(str, words)], check=True, capture_output=True, cwd=ROOT
            )
            seconds.append(time.monotonic() - start)
    more = min(times["--check"]) - min(times["--no-check"])
    return Row(
        "trust.check-reference", COMMAND, round(more, 1), "s more of spikewright generate", "at most 5 s", more <= 5,
        note=f"{Path(PACKAGE).parent.name}, PyTorch's import included; {min(times['--no-check']):.1f} s without",
    )  # fmt: skip


def _large() -> Row:
    package = spikformer_384()
    program = compile_package(package, Shape(tokens=32, steps=4, banks=8, streams=2))
    start = time.monotonic()
    report = check(program, package)
    seconds = time.monotonic() - start
    return Row(
        "trust.check-4-384", COMMAND, round(seconds, 1), "s of the check of Spikformer-4-384", "at most 40 s",
        seconds <= 40, "0", f"{report.images} images, {report.values} values, 94 % pruned",
    )  # fmt: skip
