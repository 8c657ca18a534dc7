"""A network through the commands alone: its answers, its cycles, and what each command took."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from benchmarks.hardware.full_size.drawing import LEAST_RATE, MOST_RATE, drawn
from benchmarks.hardware.full_size.networks import CALIBRATION, FullSize
from spikewright.flow.report import Report
from spikewright.models.package import write_package
from spikewright.sim.golden import run as golden

BOARD = "simulation"


@dataclass(frozen=True)
class Taken:
    """What a command took: wall seconds, and GiB of its largest process."""

    seconds: float
    gib: float


@dataclass(frozen=True, eq=False)
class Measured:
    """A network that ran through RTL.

    built: making the simulator, with the memory of comparing one image; ran: comparing all images, the simulator being
    there
    always: of one image in a BUILD without skipping
    rates: least and greatest firing rate of a layer, mean over the images
    """

    report: Report
    always: Report
    generated: Taken
    built: Taken
    ran: Taken
    rates: tuple[float, float]

    @property
    def exact(self) -> bool:
        """Whether no value differs and the cycles are the predicted ones where nothing is skipped."""
        cycles = self.always.cycles
        return self.report.bit_exact and self.always.bit_exact and cycles.per_image == cycles.predicted

    @property
    def alive(self) -> bool:
        """Whether every layer fires as it should."""
        return LEAST_RATE <= min(self.rates) <= max(self.rates) <= MOST_RATE


def measured(name: str, network: FullSize, folder: Path) -> Measured:
    """Draw a network and run it; its package, images and BUILDs stay in the folder, which begins empty.

    It is drawn in a process of its own: a program's peak of memory is at least that of the process that starts it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    drawer = get_context("fork").Process(target=_draw, args=(name, network, folder))
    drawer.start()
    drawer.join()
    if drawer.exitcode:
        raise RuntimeError(f"{name} could not be drawn")
    generate = ("generate", "package.safetensors", "--board", BOARD)
    generated = _taken(folder, *generate, "-o", "BUILD")
    built = _built(folder)
    ran = _taken(folder, "compare", "BUILD", "--input", "images.npy")
    _taken(folder, *generate, "--no-skip", "-o", "ALWAYS")
    _taken(folder, "compare", "ALWAYS", "--input", "image.npy")
    report, always = (Report.model_validate(json.loads((folder / build / "report.json").read_text()))
                      for build in ("BUILD", "ALWAYS"))  # fmt: skip
    least, most = json.loads((folder / "rates.json").read_text())
    return Measured(report, always, generated, built, ran, (least, most))


def _built(folder: Path) -> Taken:
    """What making the simulator takes: its share of the first comparison, of one image."""
    took = _taken(folder, "compare", "BUILD", "--input", "image.npy")
    timing = json.loads((folder / "BUILD" / "timing.json").read_text())
    return Taken(round(timing["simulator_build_seconds"], 1), took.gib)


def _draw(name: str, network: FullSize, folder: Path) -> None:
    """Write package, images, and the least and the greatest rate of a layer, mean over all images."""
    torch.set_num_threads(1)
    images = network.images(network.run)
    package = drawn(name, network, images[:CALIBRATION])
    write_package(package, folder / "package.safetensors")
    np.save(folder / "images.npy", images)
    np.save(folder / "image.npy", images[0])
    fired: dict[str, float] = {}
    for image in images:  # one at a time: a large one has 70 million values
        values = golden(package, image[None]).values
        for op in package.network.ops:
            if hasattr(op, "neuron"):
                fired[op.name] = fired.get(op.name, 0) + float(values[op.name].double().mean())
    rates = [rate / len(images) for rate in fired.values()]
    (folder / "rates.json").write_text(json.dumps([min(rates), max(rates)]))


def _taken(folder: Path, *words: str) -> Taken:
    """Run a command in the folder, with simulators of its own; RuntimeError where it fails."""
    start = time.monotonic()
    with (folder / "command.log").open("w+") as log:
        command = [sys.executable, "-m", "spikewright", *words]
        env = os.environ | {"SPIKEWRIGHT_BUILDS": str(folder / "simulators")}
        child = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            log.seek(0)
            raise RuntimeError(f"spikewright {' '.join(words)}: {log.read()}")
    return Taken(round(time.monotonic() - start, 1), round(used.ru_maxrss / 2**20, 2))
