"""The committed spiking VGG and ResNet on the board: yosys, nextpnr."""

from __future__ import annotations

from benchmarks.common import command
from benchmarks.hardware.packages import FOLDER
from benchmarks.hardware.reference_build import BOARD, WORK
from benchmarks.hardware.synthesis import rows_of
from benchmarks.results import Row
from spikewright.flow.generate import generate

COMMAND = command("convnets")


def rows() -> list[Row]:
    """The shapes that ``generate`` chooses for the board."""
    found = []
    for name in ("vgg", "resnet"):
        build = generate(FOLDER / name / "package.safetensors", BOARD, WORK / f"synthesis-{name}")
        found += rows_of(f"synthesis-{name}", build, again=COMMAND, bar=False)
    return found
