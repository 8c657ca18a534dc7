"""Random networks after synthesis: the cells of an ECP5, with the memories as they were written, on Verilator."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, command
from benchmarks.results import Row
from benchmarks.trust.drawn import drawn
from spikewright.boards.families.ecp5 import FAMILY
from spikewright.boards.netlist import make_netlist
from spikewright.compiler.program import Program
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.sim.accelerator.simulator import RunOptions, build_simulator, run_program
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_graphs import RandomGraph

COMMAND = command("netlists")
SEED, NETWORKS = 6, 6
#: Lanes of a shape above which a network is passed over: each lane is some dozens of cells that Verilator compiles.
MOST_LANES = 24


def rows() -> list[Row]:
    """Networks whose class scores are the golden model's."""
    exact = images = 0
    wrong = []
    for number, (graph, program) in zip(range(NETWORKS), drawn(SEED, _small), strict=False):
        golden = run(graph.package, graph.images).scores.numpy()
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
            scores, cells = netlist_scores(graph, program, Path(folder))
        images += len(scores)
        if np.array_equal(scores, golden):
            exact += 1
        else:
            wrong.append(f"{number}: {scores.tolist()} for {golden.tolist()}")
        print(f"  {number + 1} of {NETWORKS}: {cells} cells, {len(scores)} images", flush=True)
    note = f"{images} images, {NETWORKS} structures" + "".join(f"; {text}" for text in wrong)
    return [
        Row("trust.netlists", COMMAND, f"{exact}/{NETWORKS}",
            "random networks give the golden class scores after synthesis to ECP5 cells", "6 of 6", exact == NETWORKS,
            str(SEED), note)
    ]  # fmt: skip


def _small(program: Program) -> bool:
    """Whether Verilator compiles its cells in a minute or two."""
    return program.structure.shape.lanes <= MOST_LANES


def netlist_scores(graph: RandomGraph, program: Program, folder: Path) -> tuple[np.ndarray, int]:
    """Class scores [B, classes] of the netlist for the images of a graph, and the number of its cells."""
    source = elaborate(Accelerator(structure=program.structure), "accelerator", folder)
    netlist = make_netlist("accelerator", [source], memory_sources(), folder / "netlist", FAMILY)
    built = build_simulator(program.structure, netlist.sources, folder=folder / "sim")
    options = RunOptions(tracing=False, timeout=1200)
    answers = run_program(program, graph.images, folder=folder / "run", built=built, options=options)
    return answers.scores >> program.trace_map.score_shift, sum(netlist.cell_count.values())
