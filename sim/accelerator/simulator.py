"""Runs an accelerator on Verilator: structure → simulator (built once), program and images → answers and trace."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from spikewright.compiler.program import Program
from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.compiler.trace_map import TraceMap
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.phases import Tell, silent
from spikewright.scratch import check_room
from spikewright.sim import benches
from spikewright.sim.accelerator.trace import Records, read_records
from spikewright.sim.verilator.build import build, default_cache
from spikewright.sim.verilator.cache import simulators_in
from spikewright.sim.verilator.run import BenchError, Built

BENCH = Path(benches.__file__).with_name("accelerator_bench.sv")

#: Bytes of images that a simulator holds for one run, where one image is not larger.
IMAGE_BYTES = 1 << 20
#: Where a simulator tells how far it is, every 65 536 cycles.
CYCLES = "cycles.txt"
#: Wall seconds of a run: these, and one for so many cycles as the slowest machine simulates in it.
START_SECONDS, SLOWEST = 600.0, 2000


@dataclass(frozen=True, eq=False)
class Answers:
    """What the accelerator sent.

    scores: int64 [B, classes], in the accelerator's grid; counters: int64 [B, descriptors, 3]: cycles, issued pairs,
    skipped pairs; records: trace, or None; cycles: simulated clock cycles in all; seconds: wall time of the run.
    """

    scores: np.ndarray
    counters: np.ndarray
    records: Records | None
    cycles: int
    seconds: float


def simulator_cache() -> Path:
    """Where the simulators of BUILD folders are kept: the folder SPIKEWRIGHT_BUILDS names, else the user's cache."""
    return simulators_in(None)


def image_memory(size: int) -> int:
    """Bytes of images that a simulator for images of ``size`` bytes holds."""
    return max(IMAGE_BYTES, 1 << (size - 1).bit_length())


def build_simulator(
    structure: Structure,
    accelerator: Path | Sequence[Path] | None = None,
    *,
    memories: Sequence[Path] | None = None,
    folder: Path | None = None,
    waves: bool = False,
    optimise: str = "-O1",
    image_bytes: int = 1,
    tell: Tell = silent,
) -> Built:
    """The simulator of a structure, from the cache if it is there.

    accelerator: Verilog of module ``accelerator`` (a netlist is several files), None elaborates it; memories: Verilog
    of the memories, None takes the hand-written ones; folder: cache of builds, None is ``default_cache()``; waves: with
    FST support; optimise: C++ optimisation, ``-O0`` builds sooner and runs slower; image_bytes: of one image;
    tell: is told the phases of building.
    """
    folder = folder or default_cache()
    if accelerator is None:
        # a folder each: another process may be at another structure
        name = hashlib.sha256(structure.to_json().encode()).hexdigest()[:16]
        accelerator = elaborate(Accelerator(structure=structure), "accelerator", folder / "elaborated" / name)
    if isinstance(accelerator, Path):
        accelerator = [accelerator]
    shape = structure.shape
    return build(
        [BENCH, *accelerator, *(memories or memory_sources())],
        "accelerator_bench",
        folder,
        inputs=["go", "image_bytes", "images", "patience", "stall", "tracing"],
        outputs=["done", "timed_out", "cycles"],
        parameters={
            "LANES": shape.lanes,
            "BANKS": shape.banks,
            "STREAMS": shape.streams,
            "ADDRESS": structure.address_bits,
            "IMAGE_BYTES": image_memory(image_bytes),
        },
        timing=True,
        waves=waves,
        optimise=optimise,
        # Amaranth writes processes that read nothing for outputs that are constant
        waive=("ALWNEVER",),
        tell=tell,
    )


def write_roms(program: Program, folder: Path) -> None:
    """The program's hex files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in program.roms.items():
        (folder / name).write_text(image.hex())


def simulated(folder: Path) -> int:
    """Cycles that the simulator at work in ``folder`` has told so far."""
    try:
        return int((folder / CYCLES).read_text())
    except (OSError, ValueError):  # not there yet, or just being written
        return 0


@dataclass(frozen=True)
class RunOptions:
    """How images are run.

    piece: images of one run of the simulator, None for as many as keep its files and values small; tracing: every
    written word is recorded; stall: of 256 cycles, in how many either side of the streams waits; seed: of those; waves:
    write dump.fst (the simulator must have been built with them); timeout: wall seconds of one run, None for what the
    slowest machine takes.
    """

    piece: int | None = None
    tracing: bool = True
    stall: int = 0
    seed: int = 1
    waves: bool = False
    timeout: float | None = None


def simulate(
    built: Built, images: np.ndarray, trace_map: TraceMap, folder: Path, options: RunOptions | None = None
) -> Answers:
    """Run ``images`` (uint8 [B, H, W, C]) through a built simulator whose ROM files lie in ``folder``.

    An image that takes four times as long as predicted without skipping is given up. ``BenchError`` where the
    accelerator hangs or answers with the wrong number of words.
    """
    options = options or RunOptions()
    count, size = images.shape[0], int(np.prod(images.shape[1:]))
    if count * size > image_memory(size):
        raise ValueError(f"{count} images of {size} bytes are above {image_memory(size)} bytes a run")
    limit = 4 * trace_map.predicted + 8 * size + 10_000
    (folder / "images.hex").write_text("\n".join(f"{byte:02x}" for byte in images.reshape(-1).tolist()) + "\n")
    trace, results, counted = (folder / name for name in ("trace.bin", "results.hex", "records.hex"))
    for file in (trace, results, counted, folder / CYCLES):  # of the run before
        file.unlink(missing_ok=True)
    run = built.run(
        "spikewright.sim.benches.accelerator_test",
        given={
            "image_bytes": size,
            "images": count,
            "patience": limit,
            "stall": options.stall,
            "tracing": int(options.tracing),
        },
        cwd=folder,
        seed=options.seed,
        waves=options.waves,
        timeout=START_SECONDS + count * limit / SLOWEST if options.timeout is None else options.timeout,
    )
    classes, descriptors = trace_map.classes, len(trace_map.descriptors)
    scored = classes * trace_map.score_words
    words = scored + 3 * descriptors
    rows = [line.split() for line in results.read_text().splitlines()] if results.is_file() else []
    ends = [i for i, row in enumerate(rows) if row[1:] == ["1"]]
    if ends != [words * (i + 1) - 1 for i in range(count)]:
        check_room(folder)
        raise BenchError(f"the accelerator's answers end at words {ends[:5]}, not every {words} words", run.log)
    if options.waves:
        check_room(folder)  # no program tells whether they are whole
    if options.tracing:
        _check_trace(trace, counted, trace_map.lanes)
    data = np.array([int(row[0], 16) for row in rows], np.int64).reshape(count, words)
    parts = data[:, :scored].reshape(count, classes, trace_map.score_words)
    top = parts[..., -1] - ((parts[..., -1] >> (WORD_BITS - 1)) << WORD_BITS)
    scores = top if trace_map.score_words == 1 else (top << WORD_BITS) | parts[..., 0]
    counters = data[:, scored:].reshape(count, descriptors, 3)
    records = read_records(trace, trace_map.lanes) if options.tracing else None
    return Answers(scores, counters, records, int(counters[:, :, 0].sum()), run.seconds)


def _check_trace(trace: Path, count: Path, lanes: int) -> None:
    """OSError or BenchError where the trace has not all records that the bench has counted: a full disk cuts it off."""
    text = count.read_text().strip() if count.is_file() else ""
    size, there = 4 * (2 + -(-lanes // 32)), trace.stat().st_size if trace.is_file() else 0
    if not text or int(text, 16) * size != there:
        check_room(trace.parent)
        raise BenchError(f"the trace has {there / size:g} records, not {int(text or '0', 16)}")


def run_program(
    program: Program,
    images: np.ndarray,
    *,
    folder: Path,
    built: Built | None = None,
    options: RunOptions | None = None,
) -> Answers:
    """Simulate a program in ``folder``: ROM files are written there, the simulator is built if it is not given."""
    built = built or build_simulator(program.structure, image_bytes=prod(program.trace_map.image))
    write_roms(program, folder)
    return simulate(built, images, program.trace_map, folder, options)
