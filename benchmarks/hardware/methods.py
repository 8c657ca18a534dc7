"""Cycles of the methods on RTL, skipping off: all together, a residual stream that saturates, leaks by channel."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import command
from benchmarks.compression.engine_cells import CLIP
from benchmarks.compression.lottery_cells import BASE
from benchmarks.compression.protocol import recipe_of
from benchmarks.hardware.features.variants import with_neurons
from benchmarks.hardware.packages import FOLDER
from benchmarks.hardware.reference_build import BANKS, LANES, STREAMS, WORK
from benchmarks.results import Row
from spikewright.compiler.fit import ShapeRequest
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages.run import task_of
from spikewright.flow.generate import generate
from spikewright.models import data
from spikewright.models.package import Package, read_package, write_package
from spikewright.sim.accelerator.compare import compare

COMMAND = command("methods")
SHAPE = f"{LANES} lanes, {BANKS} banks, {STREAMS} stream, one image through RTL, skipping off"
#: Half of the membrane: the leak that costs nothing.
HALF = 8


def rows() -> list[Row]:
    """Of the package ``together``, and of networks whose weights are drawn: cycles depend on how many there are."""
    together = read_package(FOLDER / "together" / "package.safetensors")
    leaking, halving = measured(together, "together"), measured(halved(together), "together-halved")
    dense, clipped = (measured(_rehearsed(text), name) for text, name in ((BASE, "dense"), (CLIP, "clip")))
    return [
        Row("compress.together-cycles", COMMAND, round(dense / leaking, 3), "x fewer cycles than the dense network",
            note=f"{leaking} against {dense} measured, {SHAPE}; packages/together, and the dense network's size"),
        Row("compress.clip-cycles", COMMAND, round(dense / clipped, 3),
            "x fewer cycles by a residual stream of at most 3",
            note=f"{clipped} against {dense} measured, {SHAPE}; weights drawn, none pruned"),
        Row("hw.leak-cycles", COMMAND, round(leaking / halving, 3), "x the cycles of the same lists at leak 8/16",
            "at most 1.2, packages/together, leaks by channel", leaking <= 1.2 * halving,
            note=f"{leaking} against {halving} measured, {SHAPE}"),
    ]  # fmt: skip


def halved(package: Package) -> Package:
    """The package with every leak 8/16."""
    _, ops, tensors = with_neurons(package, leak=HALF)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(".leak")}
    return Package(package.network.model_copy(update={"ops": ops}), tensors)


def measured(package: Package, name: str) -> int:
    """Cycles of the first test image of clutter-digits, each descriptor's as predicted and every value exact."""
    path: Path = WORK / "methods" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_package(package, path)
    request = ShapeRequest(LANES, BANKS, STREAMS, skip=False)
    build = generate(path, "simulation", WORK / "methods" / name, request)
    comparison = compare(build.network, build.simulator(), data.load("clutter-digits").test.images[:1])
    cycles = comparison.counters[:, 0].tolist()
    assert comparison.bit_exact, f"{name}: {comparison.first}"
    assert cycles == [descriptor.cycles for descriptor in build.trace_map.descriptors], f"{name}: not as predicted"
    return int(sum(cycles))


def _rehearsed(text: str) -> Package:
    recipe = recipe_of(text, 0)
    return rehearsed_package(recipe, task_of(recipe))
